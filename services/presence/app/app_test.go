package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/settings"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func start(t *testing.T, o Options) *App {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Start(t, a)
	hosttest.Ready(t, a)
	return a
}

func TestItAnswers(t *testing.T) {
	a := start(t, Options{Options: hosttest.Options(t, "presence-0", brokertest.Brokers(t)...)})
	if status, body := hosttest.Get(t, "http://"+a.Addr()+"/v1/users/alice"); status != http.StatusOK || !strings.Contains(body, `"status":"offline"`) {
		t.Errorf("%d %s", status, body)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	_, err := New(Options{Options: host.Options{Instance: "p", EdgeLease: time.Second, HeartbeatInterval: time.Second}})
	if _, usage := errors.AsType[*settings.UsageError](err); !usage {
		t.Errorf("error %v, want one about a setting", err)
	}
}

func TestDelaysAreThoseOfTheFlags(t *testing.T) {
	o := Options{Flags: Flags{LeaveDelay: time.Second, LeaveDelayDrain: 2 * time.Second, LeaveDelayClean: 3 * time.Millisecond}}
	if d := o.delays(); d.UncleanMS != 1000 || d.DrainMS != 2000 || d.CleanMS != 3 {
		t.Errorf("%+v", d)
	}
}
