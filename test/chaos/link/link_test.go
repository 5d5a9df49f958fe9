package link

import (
	"context"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/internal/brokertest"
)

func open(t *testing.T) (*Link, *kafka.Client) {
	t.Helper()
	n := New(brokertest.Start(t).Addrs())
	t.Cleanup(n.Close)
	l, err := n.Open("edge-0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return l, &kafka.Client{Addr: kafka.TCP(l.Brokers...), Timeout: 500 * time.Millisecond, Transport: transport}
}

func ask(t *testing.T, c *kafka.Client) error {
	t.Helper()
	_, err := c.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}})
	if err == nil {
		_, err = c.Metadata(t.Context(), &kafka.MetadataRequest{})
	}
	return err
}

// Whatever names a broker names its proxy instead.
func TestClientsStayOnTheirLink(t *testing.T) {
	l, c := open(t)
	meta, err := c.Metadata(t.Context(), &kafka.MetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range meta.Brokers {
		if addr := net.JoinHostPort(b.Host, strconv.Itoa(b.Port)); !slices.Contains(l.Brokers, addr) {
			t.Errorf("a broker at %s, the proxies are %v", addr, l.Brokers)
		}
	}
	found, err := c.FindCoordinator(t.Context(), &kafka.FindCoordinatorRequest{Key: "group", KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err != nil {
		t.Fatal(err)
	}
	if addr := net.JoinHostPort(found.Coordinator.Host, strconv.Itoa(found.Coordinator.Port)); !slices.Contains(l.Brokers, addr) {
		t.Errorf("a coordinator at %s, the proxies are %v", addr, l.Brokers)
	}
}

// The answer to a heartbeat of version 0 has six bytes.
func TestShortAnswersArePassedOn(t *testing.T) {
	l, _ := open(t)
	conn, err := net.DialTimeout("tcp", l.Brokers[0], time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	// Size, key 12, version 0, correlation 7, no client; group g, generation 1, member m.
	request := "\x00\x00\x00\x14" + "\x00\x0c\x00\x00\x00\x00\x00\x07\xff\xff" + "\x00\x01g" + "\x00\x00\x00\x01" + "\x00\x01m"
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 10)
	if n, err := conn.Read(answer); err != nil || n != 10 || string(answer[:8]) != "\x00\x00\x00\x06\x00\x00\x00\x07" {
		t.Errorf("%d bytes %q, %v", n, answer[:n], err)
	}
}

func TestFaultsBreakAndHeal(t *testing.T) {
	for name, fault := range map[string]func(*Link) error{
		"cut":                 func(l *Link) error { l.Cut(); return nil },
		"cut from its broker": func(l *Link) error { l.CutFrom(0); return nil },
		"silence":             (*Link).Silence,
		"slow":                func(l *Link) error { return l.Slow(time.Second, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, c := open(t)
			if err := ask(t, c); err != nil {
				t.Fatalf("before: %v", err)
			}
			if err := fault(l); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			fresh := &kafka.Client{Addr: kafka.TCP(l.Brokers...), Transport: &kafka.Transport{}}
			if _, err := fresh.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: "g"}); err == nil {
				t.Error("it goes on as if nothing was broken")
			}
			if err := l.Heal(t.Context()); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; {
				err := ask(t, c)
				if err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("healed, and yet %v", err)
				}
			}
		})
	}
}
