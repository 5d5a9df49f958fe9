package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"rollcall.dev/internal/brokertest"
)

func none(string) string { return "" }

func TestHelpListsTheFlags(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, none, &out); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--kafka-brokers", "--kafka-partitions", "--kafka-topic-prefix", "--kafka-replication",
		"--[no-]kafka-create-topics", "--listen", "--ops-listen", "--instance-id", "--edge-lease",
		"--heartbeat-interval", "--log-level", "--log-format", "ROLLCALL_EDGE_LEASE"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("--help doesn't say %s", flag)
		}
	}
}

func TestAWrongValueIsOneLine(t *testing.T) {
	for _, arg := range []string{"--heartbeat-interval=soon", "--kafka-brokers=nowhere", "--edge-lease=1s", "--nonsense"} {
		err := run(t.Context(), []string{arg}, none, nil)
		flag, _, _ := strings.Cut(arg, "=")
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: error %v", arg, err)
		}
	}
}

func TestRunEndsWhenItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	args := []string{"--listen=127.0.0.1:0", "--kafka-partitions=1", "--log-level=error",
		"--kafka-topic-prefix=" + brokertest.Prefix(t), "--kafka-brokers=" + strings.Join(brokertest.Brokers(t), ",")}
	go func() { ended <- run(ctx, args, none, nil) }()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
