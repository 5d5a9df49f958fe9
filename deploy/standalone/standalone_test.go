package standalone

import (
	"bytes"
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

// options take free ports; the log is in memory if dir is "".
func options(dir string) Options {
	const free = "127.0.0.1:0"
	o := Options{}
	o.DataDir, o.KafkaListen, o.Partitions, o.Replication, o.CreateTopics = dir, free, 2, 1, true
	o.Listen = Listen{Edge: free, EdgeOps: free, Presence: free, Notifier: free}
	o.InstanceID, o.EdgeLease, o.HeartbeatInterval = "0", time.Minute, 100*time.Millisecond
	o.Edge.Auth = "none"
	return o
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

// eventually repeats a check until it says "" or the limit is over.
func eventually(t *testing.T, check func() string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(10 * time.Millisecond)
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

func ready(t *testing.T, a *App) {
	t.Helper()
	for _, addr := range []string{a.presence.OpsAddr(), a.notifier.OpsAddr(), a.edge.OpsAddr()} {
		eventually(t, func() string {
			if status, body := get(t, "http://"+addr+"/readyz"); status != http.StatusOK {
				return fmt.Sprintf("%s: %d %s", addr, status, body)
			}
			return ""
		})
	}
}

// client is one of the process's Kafka.
func client(t *testing.T, a *App) *bus.Client {
	t.Helper()
	c, err := bus.Open(bus.Config{Brokers: []string{a.broker.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// connectElsewhere writes what an edge of another process would: alice is here.
func connectElsewhere(t *testing.T, c *bus.Client) {
	t.Helper()
	p := c.NewProducer(bus.ProducerConfig{})
	_, value, err := schema.Encode(schema.TypeSessionConnected, "alice", schema.At(time.Now()),
		schema.Stamp{Source: schema.EdgeSource("edge-9", 1), Sequence: schema.Sequence{Offset: 1}}, schema.TopicLifecycle, 0,
		&schema.SessionConnected{Ref: schema.Ref{Session: "s1", User: "alice", Edge: "edge-9", Epoch: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.PublishWait(t.Context(), bus.Record{Topic: schema.TopicLifecycle, Partition: bus.AnyPartition, Key: []byte("alice"), Value: value}); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func expectOnline(t *testing.T, a *App) {
	t.Helper()
	eventually(t, func() string {
		var answer struct{ Status string }
		_, body := get(t, "http://"+a.presence.Addr()+"/v1/users/alice")
		if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Status != "online" {
			return "alice isn't online: " + body
		}
		return ""
	})
}

func TestStressOfStartAndStop(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes' worth of services")
	}
	startstoptest.Stress(t, func() startstop.Service {
		a, err := New(options(""))
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}

func TestTheBannerSaysWhatIsServed(t *testing.T) {
	o := options("")
	o.TopicPrefix = "try-"
	a := start(t, o)
	ready(t, a)
	var banner bytes.Buffer
	if err := a.Banner(&banner); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http://" + local(a.edge.Addr()) + "/ ", "ws://" + local(a.edge.Addr()) + "/ws",
		local(a.presence.Addr()), local(a.notifier.Addr()), local(a.edge.OpsAddr()),
		"kcat -b " + a.broker.Addr() + " -t try-session.lifecycle", "in memory", "Ctrl-C"} {
		if !strings.Contains(banner.String(), want) {
			t.Errorf("the banner doesn't say %q:\n%s", want, banner.String())
		}
	}
	if status, body := get(t, "http://"+a.edge.Addr()+"/"); status != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("the demo page: %d %s", status, body)
	}
}

func TestARestartKeepsTheLog(t *testing.T) {
	dir := t.TempDir()
	a := start(t, options(dir))
	connectElsewhere(t, client(t, a))
	expectOnline(t, a)
	stop(t, a)
	expectOnline(t, start(t, options(dir)))
}

func TestAnOutsideKafkaTakesThePlaceOfTheEmbeddedOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := options("/dev/null/no-directory")
	o.KafkaListen = taken.Addr().String() // would fail, were it opened
	o.Brokers, o.TopicPrefix = brokertest.Brokers(t), brokertest.Prefix(t)
	a := start(t, o)
	ready(t, a)
	var banner bytes.Buffer
	if err := a.Banner(&banner); err != nil || !strings.Contains(banner.String(), o.Brokers[0]+"  (an outside one)") {
		t.Errorf("banner %s, error %v", banner.String(), err)
	}
}

func TestAPortInUseIsOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	for name, use := range map[string]func(*Options){
		"Kafka":    func(o *Options) { o.KafkaListen = addr },
		"edge":     func(o *Options) { o.Listen.Edge = addr },
		"edge ops": func(o *Options) { o.Listen.EdgeOps = addr },
		"presence": func(o *Options) { o.Listen.Presence = addr },
		"notifier": func(o *Options) { o.Listen.Notifier = addr },
	} {
		t.Run(name, func(t *testing.T) {
			o := options("")
			use(&o)
			a, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			err = a.Start(t.Context())
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), addr) ||
				!strings.Contains(err.Error(), strings.Fields(name)[0]) {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"--kafka-replication": func(o *Options) { o.Replication = 3 },
		"--kafka-brokers":     func(o *Options) { o.Brokers = []string{"nowhere"} },
		"--instance-id":       func(o *Options) { o.InstanceID = "" },
		"--edge-lease":        func(o *Options) { o.EdgeLease = o.HeartbeatInterval },
		"--auth":              func(o *Options) { o.Edge.Auth = "" },
	} {
		o := options("")
		spoil(&o)
		_, err := New(o)
		if _, usage := errors.AsType[*settings.UsageError](err); !usage || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
