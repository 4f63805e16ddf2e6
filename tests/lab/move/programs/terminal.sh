# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a program under a pseudo-terminal, stopped, continued and interrupted from the keyboard
# Package: python3
# Rig: inside
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need python3
  need bash
  cat >worker.py <<'PY'
import signal, sys
stopped = 0
def on_cont(n, frame):
    global stopped
    stopped += 1
def on_int(n, frame):
    print(f"interrupted after {stopped} stops", flush=True)
    sys.exit(5)
signal.signal(signal.SIGCONT, on_cont)
signal.signal(signal.SIGINT, on_int)
print("ready", flush=True)
n = 0
while True:
    n += sum(range(1000))
PY
  # Types at an interactive bash and prints what must come back, nothing else.
  cat >typist.py <<'PY'
import os, pty, select, sys, time
move, stops = os.environ["MOVE"], int(sys.argv[1])
pid, tty = pty.fork()
if pid == 0:
    os.environ["PS1"] = "PROMPT"
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
seen = ""
def expect(text):
    global seen
    end = time.monotonic() + 60
    while text not in seen:
        if time.monotonic() > end or not select.select([tty], [], [], 60)[0]:
            print("never came:", text, "but:", seen[-500:])
            sys.exit(1)
        seen += os.read(tty, 4096).decode(errors="replace")
    seen = seen[seen.index(text) + len(text):]
    print("came:", text)
def type(text): os.write(tty, text.encode())
expect("PROMPT")
type(move + "python3 worker.py\n")
expect("ready")
for i in range(stops):
    time.sleep(0.25)
    type("\x1a")
    expect("Stopped")
    expect("PROMPT")
    type("fg\n")
    expect("worker.py")
time.sleep(0.25)
type("\x03")
expect(f"interrupted after {stops} stops")
expect("PROMPT")
type("echo status=$?\n")
expect("status=5")
type("exit\n")
PY
  ;;
run) exec python3 typist.py "$(pick 3 60)" ;;
esac
