// Command restore measures how fast one presence instance restores its state
// and how much memory it takes, at several sizes: each user has one session in
// two rooms. Broker and presence are processes of their own; the state is what
// the fold and its flushes write. Beside it stands the floor: the same bytes
// read by as many readers and thrown away. Linux only.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"rollcall.dev/bench/rig"
)

const partitions = 16

var settle = flag.Duration("settle", 125*time.Second, "time from the restore to the end: the runtime collects at least every 2 minutes, and the least heap seen counts")

func main() {
	var (
		role    = flag.String("role", "", "internal: the part of a process that this program started")
		brokers = flag.String("brokers", "", "internal: the broker of -role fill and floor")
		prefix  = flag.String("prefix", "", "internal: that of the topics")
		sizes   = flag.String("users", "10000,100000,1000000", "numbers of users, separated by commas")
		times   = flag.Int("versions", 1, "how often each record stands in the changelog: 1 is what compaction leaves")
	)
	flag.Parse()
	if err := run(*role, *brokers, *prefix, *sizes, *times); err != nil {
		fmt.Fprintln(os.Stderr, "restore:", err)
		os.Exit(1)
	}
}

func run(role, brokers, prefix, sizes string, times int) error {
	var counts []int
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < partitions {
			return fmt.Errorf("-users %q: want numbers of at least %d", text, partitions)
		}
		counts = append(counts, n)
	}
	switch role {
	case "broker":
		return rig.Serve(os.Stdin, os.Stdout)
	case "fill":
		return fill(brokers, prefix, counts[0], times)
	case "floor":
		return readAll(brokers, prefix, os.Stdout)
	default:
		return measure(counts, times)
	}
}
