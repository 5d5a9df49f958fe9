package standalone

import (
	"fmt"
	"io"
	"net"
	"strings"
)

// Banner prints what is served and where, once the process runs.
func (a *App) Banner(w io.Writer) error {
	brokers, kept := strings.Join(a.o.Brokers, ","), "an outside one"
	if a.broker != nil {
		brokers, kept = a.broker.Addr(), "embedded, log in "+a.o.DataDir
		if a.o.DataDir == "" {
			kept = "embedded, log in memory"
		}
	}
	_, err := fmt.Fprintf(w, `Rollcall runs.
  demo page  http://%[1]s/  (open it in two tabs as two users, and close one)
  edge       ws://%[1]s/ws  (STOMP over WebSocket); operations: http://%[2]s/readyz
  presence   http://%[3]s/v1/users/alice
  notifier   http://%[4]s/v1/channels/lobby
  Kafka      %[5]s  (%[6]s)
Watch the log:
  kcat -b %[5]s -t %[7]ssession.lifecycle -C -q | jq -c '{type,subject,reason:.data.reason}'
Ctrl-C ends it.
`, local(a.edge.Addr()), local(a.edge.OpsAddr()), local(a.presence.Addr()), local(a.notifier.Addr()), brokers, kept, a.o.TopicPrefix)
	return err
}

// local names the host as a browser on it would: pages on localhost may use
// what browsers grant to secure origins only.
func local(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
