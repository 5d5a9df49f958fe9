package app

import (
	"context"
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
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/settings"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
	"rollcall.dev/services/edge/epoch"

	"github.com/coder/websocket"
)

// Kafka away: sessions go on and new ones come until the outbox is full; then
// 503. When Kafka is back the log knows everybody as they are, and everybody's end.
func TestKafkaAway(t *testing.T) {
	if brokertest.External() {
		t.Skip("stops its broker")
	}
	broker := brokertest.Start(t, brokertest.Durable())
	r := newRigOn(t, broker.Addrs(), func(o *Options) { o.OutboxLimit = 16 })
	loop, gone := r.raw(), r.raw()
	loop.send(connectAlice)
	loop.frame()
	gone.send(strings.Replace(connectAlice, "alice", "gone", 1))
	_, ended, _ := gone.frame()
	await(r, 2, any1[*schema.SessionConnected])
	// The window at the producer comes before the outbox's own bound.
	broker.Stop()
	late := r.raw()
	late.send(strings.Replace(connectAlice, "alice", "late", 1))
	if cmd, _, _ := late.frame(); cmd != "CONNECTED" {
		t.Fatalf("%s though the outbox has room", cmd)
	}
	churn(loop)
	retry.Eventually(t, limit, func() error {
		ws, res, err := websocket.Dial(r.ctx, "ws://"+r.app.Addr()+"/ws", nil)
		if err == nil {
			_ = ws.CloseNow()
			return errors.New("still admitted")
		}
		if res == nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
			return fmt.Errorf("%v, %v", res, err)
		}
		return nil
	})
	if ready := get(t, "http://"+r.app.OpsAddr()+"/readyz"); !strings.Contains(ready, "the outbox is full") {
		t.Fatalf("readyz: %s", ready)
	}
	_ = gone.ws.CloseNow()
	retry.Eventually(t, limit, func() error {
		if n := r.app.hub.Sessions(); n != 2 {
			return fmt.Errorf("%d sessions", n)
		}
		return nil
	})
	broker.Restart()
	again := await(r, 1, func(d *schema.SessionConnected) bool { return d.User == "alice" && d.Reannounced })
	if len(again.Subscriptions) != 1 || again.Subscriptions[0].Channel != "final" {
		t.Fatalf("announced as %+v", again)
	}
	await(r, 1, bySession(ended["session"]))
	await(r, 1, func(d *schema.SessionConnected) bool { return d.User == "late" })
	loop.send("SUBSCRIBE\nid:x\ndestination:/user/queue/session\nreceipt:end\n\n\x00")
	for {
		if _, h, _ := loop.frame(); h["receipt-id"] == "end" {
			break
		}
	}
}

// churn subscribes and unsubscribes far more often than there is room for, and
// ends with one subscription.
func churn(c *raw) {
	c.t.Helper()
	for range 40 {
		c.send(strings.Repeat("SUBSCRIBE\nid:1\ndestination:/topic/churn\n\n\x00UNSUBSCRIBE\nid:1\n\n\x00", 20))
	}
	c.send("SUBSCRIBE\nid:1\ndestination:/topic/final\n\n\x00")
}

// The older of two edges of one name stops with an error, and its sessions are
// told why.
func TestScenario36TwoEdgesOfOneName(t *testing.T) {
	r := newRig(t, nil)
	c := r.raw()
	c.send(connectAlice)
	_, connected, _ := c.frame()
	r.startEdge("edge-0", nil)
	if cmd, h, _ := c.frame(); cmd != "ERROR" || h["message"] != "server_shutdown" {
		t.Fatalf("%s %v", cmd, h)
	}
	select {
	case <-r.app.Done():
	case <-time.After(limit):
		t.Fatal("the older goes on")
	}
	if err := r.app.Err(); !errors.Is(err, epoch.ErrInUse) {
		t.Fatalf("ended with %v", err)
	}
	await(r, 1, bySession(connected["session"]))
}

// Without Kafka, both addresses answer from the moment they are bound: /readyz
// names the broker and what is wrong, /ws says when to come back.
func TestWhileKafkaIsNotThere(t *testing.T) {
	r := &rig{t: t, brokers: []string{"127.0.0.1:1"}}
	a, err := New(r.options("edge-0"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan error, 1)
	go func() { started <- a.Start(ctx) }()
	const words = "no answer yet from Kafka at 127.0.0.1:1: connection refused; is --kafka-brokers right?"
	retry.Eventually(t, limit, func() error {
		if a.OpsAddr() == "" || a.Addr() == "" {
			return errors.New("no address yet")
		}
		if ready := get(t, "http://"+a.OpsAddr()+"/readyz"); !strings.Contains(ready, words) {
			return errors.New(ready)
		}
		return nil
	})
	if _, res, err := websocket.Dial(ctx, "ws://"+a.Addr()+"/ws", nil); err == nil || res == nil ||
		res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("upgrade: %v, %v", res, err)
	}
	if res, err := http.Get("http://" + a.Addr() + "/ws"); err != nil || res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("GET /ws: %v, %v", res, err)
	} else if body, _ := io.ReadAll(res.Body); !strings.Contains(string(body), words) {
		t.Errorf("GET /ws: %s", body)
	}
	if demo := get(t, "http://"+a.Addr()+"/"); demo != "demo" {
		t.Errorf("root: %q", demo)
	}
	cancel()
	if err := <-started; err == nil {
		t.Fatal("started without Kafka")
	}
	if _, err := net.Dial("tcp", a.Addr()); err == nil {
		t.Fatal("the public address is still served")
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	r := &rig{t: t, brokers: []string{"127.0.0.1:1"}}
	for name, change := range map[string]func(*Options){
		"auth not asked for": func(o *Options) { o.Auth = "" },
		"unknown auth":       func(o *Options) { o.Auth = "jwt" },
		"no instance":        func(o *Options) { o.Instance = "" },
		"no origin":          func(o *Options) { o.AllowedOrigins = []string{"https://chat.test", "foo"} },
	} {
		o := r.options("edge-0")
		change(&o)
		_, err := New(o)
		var usage *settings.UsageError
		if !errors.As(err, &usage) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongPartitionCount(t *testing.T) {
	r := newRig(t, nil)
	o := r.options("edge-1")
	o.Kafka.Partitions++
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	var count *bus.PartitionCountError
	if err := a.Start(r.ctx); !errors.As(err, &count) {
		t.Fatalf("started: %v", err)
	}
}

func TestStartStop(t *testing.T) {
	brokers := brokertest.Brokers(t)
	r := &rig{t: t, brokers: brokers, topics: schema.Topics{Prefix: brokertest.Prefix(t)}}
	instance := 0
	startstoptest.Stress(t, func() startstop.Service {
		instance++
		a, err := New(r.options(fmt.Sprint("edge-", instance)))
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}
