package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/settings"
)

func noEnv(string) string { return "" }

func TestWrongSettingsAreRefusedInOneLine(t *testing.T) {
	for name, args := range map[string][]string{
		"auth":       nil,
		"jwt":        {"--auth=jwt"},
		"listen":     {"--auth=none", "--listen=nowhere"},
		"limit":      {"--auth=none", "--roster-limit=0"},
		"interval":   {"--auth=none", "--heartbeat-interval=soon"},
		"unknown":    {"--auth=none", "--leave-dely=1s"},
		"partitions": {"--auth=none", "--kafka-partitions=0"},
		"origins":    {"--auth=none", "--allowed-origins=https://chat.test,foo"},
	} {
		err := run(t.Context(), args, noEnv, new(bytes.Buffer))
		var usage *settings.UsageError
		if !errors.As(err, &usage) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAWrongOriginInTheEnvironment(t *testing.T) {
	env := map[string]string{"ROLLCALL_AUTH": "none", "ROLLCALL_ALLOWED_ORIGINS": "foo"}
	err := run(t.Context(), nil, func(name string) string { return env[name] }, new(bytes.Buffer))
	var usage *settings.UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--allowed-origins (ROLLCALL_ALLOWED_ORIGINS)") || !strings.Contains(err.Error(), `"foo"`) {
		t.Fatal(err)
	}
}

func TestHelpListsEveryFlagWithItsVariable(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, noEnv, &out); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"listen", "ops-listen", "instance-id", "auth", "allowed-origins", "kafka-brokers", "kafka-partitions",
		"kafka-topic-prefix", "kafka-replication", "heartbeat-interval", "heart-beat", "connect-timeout", "roster-limit", "outbox-limit",
		"log-level", "log-format"} {
		if !strings.Contains(out.String(), "--"+flag+"\n") || !strings.Contains(out.String(), settings.EnvName(flag)) {
			t.Errorf("--%s is not listed", flag)
		}
	}
	if !strings.Contains(out.String(), "--[no-]sockjs\n") {
		t.Error("--no-sockjs is not listed")
	}
}

// serve runs an edge until the test ends it; opsAddr answers /readyz.
func serve(t *testing.T, brokers []string) (opsAddr string, end func() error) {
	t.Helper()
	ops := freeAddr(t)
	env := map[string]string{"ROLLCALL_AUTH": "none", "ROLLCALL_KAFKA_BROKERS": strings.Join(brokers, ","),
		"ROLLCALL_KAFKA_PARTITIONS": "2", "ROLLCALL_LISTEN": "127.0.0.1:0", "ROLLCALL_OPS_LISTEN": ops,
		"ROLLCALL_KAFKA_TOPIC_PREFIX": brokertest.Prefix(t), "ROLLCALL_LOG_LEVEL": "error"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, nil, func(name string) string { return env[name] }, new(bytes.Buffer)) }()
	return ops, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			return errors.New("goes on")
		}
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func status(addr string) int {
	res, err := http.Get("http://" + addr + "/readyz")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

func TestRunEndsWithItsContext(t *testing.T) {
	for name, tc := range map[string]struct {
		brokers []string
		status  int
	}{
		"running":         {brokertest.Brokers(t), http.StatusOK},
		"waits for Kafka": {[]string{"127.0.0.1:1"}, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			ops, end := serve(t, tc.brokers)
			retry.Eventually(t, 10*time.Second, func() error {
				if got := status(ops); got != tc.status {
					return fmt.Errorf("status %d", got)
				}
				return nil
			})
			if err := end(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
