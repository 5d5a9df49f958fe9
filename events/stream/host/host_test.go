package host_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/settings"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// service is that of the runtime's tests, with an API that says whether it has
// the partition of a key.
var service = host.Service{
	Name: "rooms", Kind: schema.KindPresence, Fold: rooms.Fold{},
	Input: schema.Topics.Lifecycle, Changelog: schema.Topics.PresenceState,
	Mount: func(mux *http.ServeMux, h *host.Host) error {
		mux.HandleFunc("GET /here/{key}", func(w http.ResponseWriter, r *http.Request) {
			if _, notHere := h.View(r.PathValue("key")); notHere != nil {
				notHere.Write(w)
			}
		})
		return nil
	},
}

func newHost(t *testing.T, o host.Options) *host.Host {
	t.Helper()
	h, err := host.New(service, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestStressOfStartAndStop(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many instances")
	}
	o := hosttest.Options(t, "rooms-0", brokertest.Brokers(t)...)
	startstoptest.Stress(t, func() startstop.Service { return newHost(t, o) })
}

func TestReadyOnceAllPartitionsRun(t *testing.T) {
	h := newHost(t, hosttest.Options(t, "rooms-0", brokertest.Brokers(t)...))
	hosttest.Start(t, h)
	hosttest.Ready(t, h)
	if status, body := hosttest.Get(t, "http://"+h.Addr()+"/here/alice"); status != http.StatusOK {
		t.Errorf("the API says %d %s", status, body)
	}
	if h.OpsAddr() != h.Addr() {
		t.Errorf("operations at %s, the API at %s: want one address", h.OpsAddr(), h.Addr())
	}
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
	o := hosttest.Options(t, "rooms-0", broker)
	o.OpsListen = "127.0.0.1:0"
	h := newHost(t, o)
	started := make(chan error, 1)
	go func() { started <- h.Start(context.Background()) }()
	hosttest.Eventually(t, func() string {
		if h.OpsAddr() == "" || h.Addr() == "" {
			return "no address yet"
		}
		return ""
	})
	hosttest.Eventually(t, func() string {
		status, body := hosttest.Get(t, "http://"+h.OpsAddr()+"/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "Kafka at "+broker+": connection refused; is --kafka-brokers right?") {
			return fmt.Sprintf("/readyz says %d %s", status, body)
		}
		return ""
	})
	if status, body := hosttest.Get(t, "http://"+h.OpsAddr()+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d %s", status, body)
	}
	if status, body := hosttest.Get(t, "http://"+h.Addr()+"/here/alice"); status != http.StatusServiceUnavailable || !strings.Contains(body, "Kafka") {
		t.Errorf("the API says %d %s", status, body)
	}
	hosttest.Stop(t, h)
	if err := <-started; !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start returned %v, want %v", err, startstop.ErrStopped)
	}
}

func TestAWrongPartitionCountStopsTheStart(t *testing.T) {
	o := hosttest.Options(t, "rooms-0", brokertest.Brokers(t)...)
	first := newHost(t, o)
	hosttest.Start(t, first)
	hosttest.Stop(t, first)
	o.Kafka.Partitions = 3
	err := newHost(t, o).Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "has 2 partitions, want 3") {
		t.Fatalf("error %v", err)
	}
	if e, ok := errors.AsType[*bus.PartitionCountError](err); !ok || e.Have != 2 {
		t.Fatalf("error %v is no partition count error", err)
	}
}

func TestAMissingTopicStopsTheStart(t *testing.T) {
	o := hosttest.Options(t, "rooms-0", brokertest.Brokers(t)...)
	o.Kafka.CreateTopics = false
	if err := newHost(t, o).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("error %v", err)
	}
}

func TestAnAddressInUseStopsTheStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, o := range []host.Options{
		{Instance: "p", Listen: taken.Addr().String()},
		{Instance: "p", Listen: "127.0.0.1:0", OpsListen: taken.Addr().String()},
	} {
		if err := newHost(t, o).Start(t.Context()); err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
			t.Errorf("error %v", err)
		}
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	for _, o := range []host.Options{{}, {Instance: "p", EdgeLease: time.Second, HeartbeatInterval: time.Second}} {
		_, err := host.New(service, o)
		if _, usage := errors.AsType[*settings.UsageError](err); !usage {
			t.Errorf("%+v: error %v, want one about a setting", o, err)
		}
	}
}
