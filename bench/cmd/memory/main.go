// Command memory measures the resident memory of an edge per idle session that
// is connected and subscribed, beside that of a bare gws server per idle
// connection. Clients and servers are processes of their own. Linux only; each
// process needs `ulimit -n` above the number of sessions.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var (
		role     = flag.String("role", "", "internal: the part of a process that this program started")
		addr     = flag.String("addr", "", "internal: the server of -role clients")
		sessions = flag.Int("sessions", 10_000, "sessions to hold")
		settle   = flag.Duration("settle", 150*time.Second, "time from the last connect to the measurement: the runtime collects at least every 2 minutes")
		only     = flag.String("only", "", "measure edge or gws alone")
	)
	flag.Parse()
	var err error
	switch *role {
	case "clients":
		err = holdSTOMP(*addr, *sessions)
	case "bare-clients":
		err = holdBare(*addr, *sessions)
	case "gws":
		err = serveBare(os.Stdout)
	default:
		err = measure(*sessions, *settle, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "memory:", err)
		os.Exit(1)
	}
}
