# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a Java program: threads, collections, strings and the garbage collector
# Package: default-jdk-headless
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need javac
  need java
  cat >Flock.java <<'JAVA'
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Flock {
  public static void main(String[] args) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    for (int turn = 0; turn < Integer.parseInt(args[0]); ++turn) {
      List<Future<Long>> results = new ArrayList<>();
      for (int n = 0; n < 40; ++n) {
        final long seed = turn * 40L + n;
        results.add(pool.submit(() -> {
          Random random = new Random(seed);
          Map<String, Integer> map = new TreeMap<>();
          for (int i = 0; i < 5000; ++i) map.merge("bird" + random.nextInt(700), i, Integer::sum);
          return map.entrySet().stream().mapToLong(e -> e.getKey().hashCode() * 31L + e.getValue()).sum();
        }));
      }
      long sum = 0;
      for (Future<Long> f : results) sum = sum * 17 + f.get();
      System.out.println(turn + " " + sum);
    }
    pool.shutdown();
  }
}
JAVA
  javac -J-XX:-UsePerfData Flock.java
  ;;
# Its performance counters are a shared mapping of a file: switched off, as they would keep it home.
run) exec java -XX:-UsePerfData -Xshare:off -Xmx256m Flock "$(pick 20 1500)" ;;
esac
