# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a Go program: goroutines, channels, maps and the garbage collector
# Package: golang-go
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need go
  mkdir -p src && cat >src/main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"
)

type node struct{ left, right *node }

func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{grow(depth - 1), grow(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func main() {
	turns, _ := strconv.Atoi(os.Args[1])
	for turn := 0; turn < turns; turn++ {
		work, results := make(chan int), make(chan int, 16)
		var group sync.WaitGroup
		for w := 0; w < 8; w++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for n := range work {
					time.Sleep(time.Microsecond * 50)
					results <- grow(10+n%4).count() * n
				}
			}()
		}
		go func() {
			for n := 0; n < 200; n++ {
				work <- n
			}
			close(work)
			group.Wait()
			close(results)
		}()
		seen := map[int]int{}
		for r := range results {
			seen[r%97] += r
		}
		keys := []int{}
		for k := range seen {
			keys = append(keys, k)
		}
		sort.Ints(keys)
		sum := 0
		for i, k := range keys {
			sum = sum*31%1000000007 + i*seen[k]%1000000007
		}
		fmt.Println(turn, len(keys), sum)
	}
}
GO
  GOCACHE=$TMPDIR/go-cache GO111MODULE=off GOTOOLCHAIN=local go build -o program src/main.go
  ;;
run) exec ./program "$(pick 10 600)" ;;
esac
