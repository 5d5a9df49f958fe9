// Package hosttest runs instances of a stream service in tests, and writes
// into the log and asks the API as others do. Imported by tests only.
package hosttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/settings"
	"rollcall.dev/internal/startstop"
)

// Limit is how long anything may take here.
const Limit = 30 * time.Second

// Partitions is how many the topics have.
const Partitions = 2

// Options are those of an instance with short leases and topics of its own.
func Options(t *testing.T, instance string, brokers ...string) host.Options {
	return host.Options{
		Kafka: settings.Kafka{Brokers: brokers, Partitions: Partitions, Replication: 1, CreateTopics: true,
			TopicPrefix: brokertest.Prefix(t)},
		Instance: instance, Listen: "127.0.0.1:0",
		EdgeLease: time.Second, HeartbeatInterval: 100 * time.Millisecond,
	}
}

// Instance is a hosted service, or what embeds one.
type Instance interface {
	startstop.Service
	Addr() string
	OpsAddr() string
	Tasks() *stream.Service
}

// Start starts an instance, which ends with the test.
func Start(t *testing.T, i Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	defer cancel()
	if err := i.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { Stop(t, i) })
}

// Stop ends an instance.
func Stop(t *testing.T, i Instance) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	if err := i.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// Ready returns when the instances are ready and own all partitions together.
func Ready(t *testing.T, instances ...Instance) {
	t.Helper()
	Eventually(t, func() string {
		owned := 0
		for _, i := range instances {
			if status, body := Get(t, "http://"+i.OpsAddr()+"/readyz"); status != http.StatusOK {
				return body
			}
			owned += len(i.Tasks().Owned())
		}
		if owned != Partitions {
			return fmt.Sprintf("%d partitions are owned", owned)
		}
		return ""
	})
}

// Get returns status and body of an answer; of none, 0 and why.
func Get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: Limit}
	defer client.CloseIdleConnections()
	res, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// Answer gets an answer and, where it is 200, decodes it.
func Answer(t *testing.T, url string, into any) (int, string) {
	t.Helper()
	status, body := Get(t, url)
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return status, body
}

// Eventually repeats a check until it says "" or the limit is over.
func Eventually(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.Now().Add(Limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		wrong := check()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
		<-tick.C
	}
}
