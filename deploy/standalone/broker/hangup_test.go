package broker

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"rollcall.dev/events/bus"
)

// joiner asks to join a group, and can be cut off.
type joiner struct {
	*kafka.Client
	conns chan net.Conn
}

func newJoiner(t *testing.T, addr string) *joiner {
	j := &joiner{conns: make(chan net.Conn, 16)}
	transport := &kafka.Transport{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			j.conns <- conn
		}
		return conn, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	j.Client = &kafka.Client{Addr: kafka.TCP(addr), Transport: transport, Timeout: limit}
	return j
}

func (j *joiner) join(ctx context.Context, member string) error {
	res, err := j.JoinGroup(ctx, &kafka.JoinGroupRequest{
		GroupID: "g", MemberID: member, ProtocolType: "consumer", SessionTimeout: 300 * time.Millisecond, RebalanceTimeout: limit,
		Protocols: []kafka.GroupProtocol{{Name: "range", Metadata: kafka.GroupProtocolSubscription{Topics: []string{"t"}}}},
	})
	if err != nil {
		return err
	}
	if member == "" {
		return j.join(ctx, res.MemberID)
	}
	return res.Error
}

func (j *joiner) die() {
	for len(j.conns) > 0 {
		_ = (<-j.conns).Close()
	}
}

// A member that dies while it waits to be let into a group is no member for
// longer than its session.
func TestWhoDiesWhileJoiningIsNoMember(t *testing.T) {
	const partitions = 2
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "t"), kfake.GroupMinSessionTimeout(10*time.Millisecond),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return listen(network, "127.0.0.1:0") }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	client, err := bus.Open(bus.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })

	given, over, goOn := make(chan int, 16), make(chan struct{}, 16), make(chan struct{})
	stayed := make(chan error, 1)
	cfg := bus.GroupConfig{Group: "g", Topics: []string{"t"}, SessionTimeout: 300 * time.Millisecond, HeartbeatInterval: 50 * time.Millisecond,
		Assigned: func(partitions map[string][]int32) { given <- len(partitions["t"]) }}
	staying, leave := context.WithCancel(ctx)
	go func() {
		stayed <- client.RunGroup(staying, cfg, func(ctx context.Context, _ *bus.Claim) error {
			<-ctx.Done()
			over <- struct{}{}
			<-goOn
			return nil
		})
	}()
	defer func() {
		leave()
		if err := <-stayed; err != nil {
			t.Error(err)
		}
	}()
	if n := <-given; n != partitions {
		t.Fatalf("alone with %d partitions", n)
	}
	dying := newJoiner(t, cluster.ListenAddrs()[0])
	died := make(chan error, 1)
	go func() { died <- dying.join(ctx, "") }()
	<-over // it has asked to join, and has to wait
	dying.die()
	if <-died == nil {
		t.Fatal("joined, and was to die before")
	}
	close(goOn)
	for {
		select {
		case n := <-given:
			if n == partitions {
				return
			}
		case <-ctx.Done():
			t.Fatal("the dead one has kept its partition")
		}
	}
}
