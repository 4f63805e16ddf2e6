# SPDX-License-Identifier: GPL-2.0-or-later
# Program: python3 with threads, queues and sleeps
# Package: python3
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need python3 ;;
run) exec python3 - "$(pick 200 1500)" <<'PY'
import sys, threading, queue, time
todo, done = queue.Queue(8), queue.Queue()
def work():
    while (n := todo.get()) is not None:
        time.sleep(0.001)
        done.put(sum(i * n for i in range(3000)))
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
count = int(sys.argv[1]) * 10
for i in range(count): todo.put(i)
for t in threads: todo.put(None)
for t in threads: t.join()
print(count, sum(done.get() for _ in range(count)))
PY
  ;;
esac
