package bus

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// member is one RunGroup: a member of a group over its generations.
type member struct {
	c      *Client
	cfg    GroupConfig
	handle func(context.Context, *Claim) error
	log    *slog.Logger
	net    *memberNet
	group  *kafka.ConsumerGroup

	// clientID is this member's alone, so that it can be found in the group.
	clientID string

	failing bool // a failed join has been logged
	sticky  sticky

	leaveOnce sync.Once
	closed    chan struct{} // closed when the member has left
}

func (m *member) joinFailed(ctx context.Context, err error) {
	if ctx.Err() != nil || m.failing || errors.Is(err, kafka.RebalanceInProgress) {
		return
	}
	m.failing = true
	m.log.Warn("can't join the group, retrying", "reason", err)
}

func (m *member) joined(gen *kafka.Generation) {
	m.failing = false
	n, given := 0, make(map[string][]int32, len(gen.Assignments))
	for topic, assigned := range gen.Assignments {
		n += len(assigned)
		for _, a := range assigned {
			given[topic] = append(given[topic], int32(a.ID))
		}
	}
	m.sticky.assigned(gen.ID, given)
	if m.cfg.Assigned != nil {
		m.cfg.Assigned(given)
	}
	m.log.Info("joined the group", "generation", gen.ID, "member", gen.MemberID, "partitions", n)
}

// leave begins to leave the group. It must begin before the last generation's
// function returns, or kafka-go would join again first. After grace the
// connections are cut.
func (m *member) leave(grace time.Duration) {
	m.leaveOnce.Do(func() {
		cut := time.AfterFunc(grace, m.net.cut)
		go func() {
			defer close(m.closed)
			defer cut.Stop()
			_ = m.group.Close() // always nil
			if grace == joinGrace {
				m.sweep()
			}
		}()
	})
}

// sweep takes what is left of this member out of the group. kafka-go leaves no
// group while it is joining one, and the others would have to wait for the
// session timeout before they get partitions.
func (m *member) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
	defer cancel()
	res, err := m.c.api.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{m.cfg.Group}})
	if err != nil {
		m.log.Debug("can't look for what is left in the group", "reason", err)
		return
	}
	for _, g := range res.Groups {
		for _, other := range g.Members {
			if other.ClientID != m.clientID {
				continue
			}
			_, err := m.c.api.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
				GroupID: m.cfg.Group, Members: []kafka.LeaveGroupRequestMember{{ID: other.MemberID}},
			})
			if err != nil {
				m.log.Debug("can't leave the group, the session timeout will", "member", other.MemberID, "reason", err)
			}
		}
	}
}

// generation owns the partitions of one generation. It runs inside kafka-go's
// Generation.Start, whose end kafka-go awaits before it rejoins; over ends with
// the generation. A generation that is over already gets no handlers: kafka-go
// would not wait for them.
func (m *member) generation(ctx, over context.Context, gen *kafka.Generation) {
	if over.Err() != nil {
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(ErrClaimEnded)
	defer context.AfterFunc(over, func() { cancel(ErrClaimEnded) })()

	commits := newCommitter(m.log, m.c.api, gen)
	var handlers, keeper sync.WaitGroup
	stop := make(chan struct{})
	keeper.Go(func() { commits.run(m.cfg.CommitInterval, stop) })
	for topic, partitions := range gen.Assignments {
		for _, a := range partitions {
			cl := &Claim{Topic: topic, Partition: int32(a.ID), Start: a.Offset, Generation: gen.ID, MemberID: gen.MemberID, commits: commits}
			handlers.Go(func() { m.claim(ctx, cl) })
		}
	}
	<-ctx.Done()
	handlers.Wait()
	close(stop)
	keeper.Wait() // sends what is queued: the generation is still ours to commit in
	if over.Err() == nil {
		m.leave(leaveGrace)
		<-over.Done()
	}
}

const (
	handlerBackoffMin = 200 * time.Millisecond
	handlerBackoffMax = 5 * time.Second
)

// claim calls the handler of one partition until the generation ends.
func (m *member) claim(ctx context.Context, cl *Claim) {
	wait := backoff{next: handlerBackoffMin, max: handlerBackoffMax}
	for ctx.Err() == nil {
		next := *cl
		if at, ok := cl.commits.last(cl.Topic, cl.Partition); ok {
			next.Start = at
		}
		if err := m.resolve(ctx, &next); err != nil {
			if ctx.Err() == nil {
				m.log.Error("can't find where to start", "topic", cl.Topic, "partition", cl.Partition, "reason", err)
			}
			_ = wait.sleep(ctx)
			continue
		}
		began := time.Now()
		err := m.handle(ctx, &next)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > 2*handlerBackoffMax {
			wait.next = handlerBackoffMin
		}
		m.log.Warn("handler returned while it still has its partition, calling it again",
			"topic", cl.Topic, "partition", cl.Partition, "reason", err)
		_ = wait.sleep(ctx)
	}
}

// resolve makes a start by meaning absolute.
func (m *member) resolve(ctx context.Context, cl *Claim) error {
	if cl.Start >= 0 {
		return nil
	}
	first, next, err := m.c.Offsets(ctx, cl.Topic, cl.Partition)
	if err != nil {
		return err
	}
	if cl.Start == LastOffset {
		cl.Start = next
	} else {
		cl.Start = first
	}
	return nil
}

// anyBroker is the address under which kafka-go dials any of the brokers.
// Given them all it always dials the first that takes connections, and one that
// stands still takes them.
const anyBroker = "any.broker.invalid:9092"

// memberNet is the network of one member, so that what hangs can be cut.
type memberNet struct {
	dialer  func(context.Context, string, string) (net.Conn, error)
	brokers []string
	turn    atomic.Uint32 // of the brokers
	ctx     context.Context
	cancel  context.CancelFunc
}

func newMemberNet(cfg Config) *memberNet {
	ctx, cancel := context.WithCancel(context.Background())
	return &memberNet{dialer: cfg.Dial, brokers: cfg.Brokers, ctx: ctx, cancel: cancel}
}

func (n *memberNet) cut() { n.cancel() }

func (n *memberNet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if n.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)()
	conn, err := n.open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &memberConn{Conn: conn}
	c.forget = context.AfterFunc(n.ctx, func() { _ = conn.Close() })
	return c, nil
}

// open dials one broker, or any: the next one, or who is there of the others.
func (n *memberNet) open(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	if addr != anyBroker {
		return n.dialer(ctx, network, addr)
	}
	for range n.brokers {
		turn := int(n.turn.Add(1)-1) % len(n.brokers)
		if conn, err = n.dialer(ctx, network, n.brokers[turn]); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

type memberConn struct {
	net.Conn
	forget func() bool
}

func (c *memberConn) Close() error {
	c.forget()
	return c.Conn.Close()
}
