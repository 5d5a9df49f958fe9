package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/settings"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

const limit = 30 * time.Second

func options(t *testing.T, brokers ...string) Options {
	return Options{
		Kafka:    settings.Kafka{Brokers: brokers, Partitions: 2, Replication: 1, CreateTopics: true, TopicPrefix: brokertest.Prefix(t)},
		Instance: "notifier-0", Listen: "127.0.0.1:0",
		EdgeLease: time.Second, HeartbeatInterval: 100 * time.Millisecond,
	}
}

func start(t *testing.T, o Options) *App {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := a.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

func stop(t *testing.T, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// get returns status and body of an answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: limit}
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

// eventually repeats a check until it says "" or the limit is over.
func eventually(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
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

func ready(t *testing.T, a *App) {
	t.Helper()
	eventually(t, func() string {
		status, body := get(t, "http://"+a.OpsAddr()+"/readyz")
		if status != http.StatusOK {
			return body
		}
		if len(a.tasks.Load().Owned()) < a.o.Kafka.Partitions {
			return "not every partition is owned"
		}
		return ""
	})
}

func TestStressOfStartAndStop(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many instances")
	}
	o := options(t, brokertest.Brokers(t)...)
	startstoptest.Stress(t, func() startstop.Service {
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}

func TestReadyzSaysWhatIsWaitedFor(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broker := nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	o := options(t, broker)
	o.OpsListen = "127.0.0.1:0"
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- a.Start(context.Background()) }()
	eventually(t, func() string {
		if a.OpsAddr() == "" || a.Addr() == "" {
			return "no address yet"
		}
		return ""
	})
	eventually(t, func() string {
		status, body := get(t, "http://"+a.OpsAddr()+"/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "Kafka at "+broker+": connection refused; is --kafka-brokers right?") {
			return fmt.Sprintf("/readyz says %d %s", status, body)
		}
		return ""
	})
	if status, body := get(t, "http://"+a.OpsAddr()+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d %s", status, body)
	}
	if status, body := get(t, "http://"+a.Addr()+"/v1/channels/room"); status != http.StatusServiceUnavailable || !strings.Contains(body, "Kafka") {
		t.Errorf("the API says %d %s", status, body)
	}
	stop(t, a)
	if err := <-started; !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start returned %v, want %v", err, startstop.ErrStopped)
	}
}

func TestAWrongPartitionCountStopsTheStart(t *testing.T) {
	o := options(t, brokertest.Brokers(t)...)
	stop(t, start(t, o))
	o.Kafka.Partitions = 3
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err = a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "has 2 partitions, want 3") {
		t.Fatalf("error %v", err)
	}
	if e, ok := errors.AsType[*bus.PartitionCountError](err); !ok || e.Have != 2 {
		t.Fatalf("error %v is no partition count error", err)
	}
}

func TestAMissingTopicStopsTheStart(t *testing.T) {
	o := options(t, brokertest.Brokers(t)...)
	o.Kafka.CreateTopics = false
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err = a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("error %v", err)
	}
}

func TestAnAddressInUseStopsTheStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, o := range []Options{
		{Instance: "p", Listen: taken.Addr().String()},
		{Instance: "p", Listen: "127.0.0.1:0", OpsListen: taken.Addr().String()},
	} {
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Start(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("error %v", err)
		}
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []Options{{}, {Instance: "p", EdgeLease: time.Second, HeartbeatInterval: time.Second}} {
		_, err := New(o)
		if _, usage := errors.AsType[*settings.UsageError](err); !usage {
			t.Errorf("%+v: error %v, want one about a setting", o, err)
		}
	}
}

// answerOf asks the API and decodes what it says.
func answerOf(t *testing.T, url string, into any) (int, string) {
	t.Helper()
	status, body := get(t, url)
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), into); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
	}
	return status, body
}

// writer appends events to a topic, as one source.
type writer struct {
	t        *testing.T
	producer *bus.Producer
	topic    string
	source   string
	sent     int64
}

func newWriter(t *testing.T, o Options, topic, source string) *writer {
	t.Helper()
	client, err := bus.Open(bus.Config{Brokers: o.Kafka.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t: t, producer: client.NewProducer(bus.ProducerConfig{}), topic: topic, source: source}
	t.Cleanup(func() {
		_ = w.producer.Close(context.Background())
		_ = client.Close()
	})
	return w
}

// write numbers the events from 1, which fits one key's partition.
func (w *writer) write(typ schema.Type, key string, data any) {
	w.t.Helper()
	w.sent++
	stamp := schema.Stamp{Source: w.source, Sequence: schema.Sequence{Offset: w.sent}}
	_, value, err := schema.Encode(typ, key, schema.At(time.Now()), stamp, w.topic, 0, data)
	if err != nil {
		w.t.Fatal(err)
	}
	rec := bus.Record{Topic: w.topic, Partition: bus.AnyPartition, Key: []byte(key), Value: value}
	if _, err := w.producer.PublishWait(w.t.Context(), rec); err != nil {
		w.t.Fatal(err)
	}
}
