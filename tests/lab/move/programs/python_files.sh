# SPDX-License-Identifier: GPL-2.0-or-later
# Program: python3 writing, reading, renaming and listing many files
# Package: python3
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need python3 ;;
run) exec python3 - "$(pick 6 150)" <<'PY'
import sys, os, hashlib, shutil
for turn in range(int(sys.argv[1])):
    os.makedirs("tree/a/b", exist_ok=True)
    for i in range(200):
        with open(f"tree/a/{i}.txt", "w") as f:
            for n in range(30):
                print(turn, i, n * n, file=f)
        os.rename(f"tree/a/{i}.txt", f"tree/a/b/{i:03}.txt")
    h = hashlib.sha256()
    for d, ds, fs in sorted(os.walk("tree")):
        for f in sorted(fs):
            h.update(open(os.path.join(d, f), "rb").read())
            h.update(str(os.stat(os.path.join(d, f)).st_size).encode())
    print(turn, h.hexdigest())
    if turn % 2:
        shutil.rmtree("tree")
PY
  ;;
esac
