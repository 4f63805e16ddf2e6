# SPDX-License-Identifier: GPL-2.0-or-later
# Program: python3 starting subprocesses and talking to them
# Package: python3
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need python3 ;;
run) exec python3 - "$(pick 15 400)" <<'PY'
import sys, subprocess
for turn in range(int(sys.argv[1])):
    r = subprocess.run(["sh", "-c", "tr a-z A-Z; exit 3"], input=b"flock %d" % turn, capture_output=True)
    with subprocess.Popen(["sort", "-n"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        out, _ = p.communicate("\n".join(str(i * 7919 % 1000) for i in range(1000)) + "\n")
    x = sum(i * i for i in range(100000))
    print(turn, r.returncode, r.stdout.decode(), len(out.splitlines()), out.split()[500], x)
PY
  ;;
esac
