// Command edgedeath kills an edge that holds many sessions, in rooms of ten,
// and measures when it is found dead, when the last of its sessions has an end
// in the log, and when the last of its users is told as gone to subscribers on
// another edge. It fails where that is later than promised. Clients are in this
// process, the edge in one of its own, all else in a third. Each of the first
// two needs `ulimit -n` above the number of sessions.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// As bin/presence has them by default.
const (
	lease = 5 * time.Second
	grace = 10 * time.Second
)

func main() {
	sessions := flag.Int("sessions", 20_000, "sessions of the edge that dies")
	flag.Parse()
	if err := run(*sessions); err != nil {
		fmt.Fprintln(os.Stderr, "edgedeath:", err)
		os.Exit(1)
	}
}

func run(sessions int) error {
	dir, err := os.MkdirTemp("", "rollcall-edgedeath-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := begin(dir)
	if err != nil {
		return err
	}
	defer w.end()
	connecting := time.Now()
	if err := w.connect(sessions); err != nil {
		return err
	}
	news, err := w.watch(sessions)
	if err != nil {
		return err
	}
	fmt.Printf("%d sessions and their watchers after %.1f s\n", sessions, time.Since(connecting).Seconds())
	killed := time.Now()
	if err := w.edge.Kill(); err != nil {
		return err
	}
	return report(news.until(killed.Add(2*time.Minute)), killed, sessions)
}
