// Command chaos runs the services as processes among clients who come and go,
// breaks them, and judges what was seen. It ends with 1 if a promise was
// broken; the history is then kept and can be judged again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rollcall.dev/test/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	asked, err := chaos.Broker(ctx)
	if !asked {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}
