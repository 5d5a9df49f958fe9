package bus

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
)

// GroupConfig says which group to join and how fast it reacts. Zero values take
// the defaults.
type GroupConfig struct {
	Group  string
	Topics []string
	// SessionTimeout is how long a silent member keeps its partitions. Default
	// 6 s, the least a broker allows by default.
	SessionTimeout time.Duration
	// RebalanceTimeout is how long members get to finish and rejoin. Default 10 s.
	RebalanceTimeout time.Duration
	// HeartbeatInterval is also how soon a member hears of a rebalance. What a
	// member that leaves gives up waits that long. Default 300 ms.
	HeartbeatInterval time.Duration
	// JoinBackoff is the pause after a failed join. Default 200 ms.
	JoinBackoff time.Duration
	// CommitInterval is how often queued commits are sent. Default 200 ms.
	CommitInterval time.Duration
	// Sticky leaves partitions with the members that have them, as long as all
	// members can do so. Otherwise range gives topics of equal partition counts
	// pairwise to one member.
	Sticky bool
	// Assigned, if set, is called with each generation's partitions by topic,
	// after the last handler of the one before has returned and before the first
	// of the new one is called.
	Assigned func(partitions map[string][]int32)
	// Start is where a partition without a commit starts: FirstOffset (the
	// default) or LastOffset.
	Start int64
}

func (cfg *GroupConfig) setDefaults() error {
	if cfg.Group == "" || len(cfg.Topics) == 0 {
		return errors.New("bus: group: name and topics are needed")
	}
	if cfg.Start != 0 && cfg.Start != FirstOffset && cfg.Start != LastOffset {
		return fmt.Errorf("bus: group %s: start %d is neither FirstOffset nor LastOffset", cfg.Group, cfg.Start)
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.SessionTimeout, 6 * time.Second},
		{&cfg.RebalanceTimeout, 10 * time.Second},
		{&cfg.HeartbeatInterval, 300 * time.Millisecond},
		{&cfg.JoinBackoff, 200 * time.Millisecond},
		{&cfg.CommitInterval, 200 * time.Millisecond},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return nil
}

const (
	// coordinatorTimeout bounds one request to the coordinator, beyond what the
	// request itself may wait for.
	coordinatorTimeout = 3 * time.Second
	// leaveGrace is how long leaving a generation may take before the member's
	// connections are cut.
	leaveGrace = 3 * time.Second
	// joinGrace is the same while joining: kafka-go can't interrupt a JoinGroup
	// that waits for others.
	joinGrace = 500 * time.Millisecond
	// sweepTimeout bounds the search for what kafka-go left behind in the group.
	sweepTimeout = 2 * time.Second
)

// RunGroup joins the group and runs handle once per assigned partition, each in
// a goroutine of its own. handle's context ends with the generation: at a
// rebalance, or when ctx ends. RunGroup waits for all handlers of a generation
// before it rejoins, so two owners in one process never overlap; between
// processes they can, for a stopped process doesn't notice the end of its
// generation.
//
// A handler that returns while its generation lives is called again for the
// same partition, from the last Commit on, after 200 ms to 5 s: the group still
// gives it the partition, and no other member would read it.
//
// RunGroup returns when ctx has ended and everything is finished, within a few
// seconds beside the handlers' own time: nil, or an error of configuration.
func (c *Client) RunGroup(ctx context.Context, cfg GroupConfig, handle func(ctx context.Context, cl *Claim) error) error {
	if err := cfg.setDefaults(); err != nil {
		return err
	}
	m := &member{
		c: c, cfg: cfg, handle: handle, log: c.log.With("group", cfg.Group), net: newMemberNet(c.cfg),
		clientID: c.cfg.ClientID + "-" + strconv.FormatUint(rand.Uint64(), 36),
	}
	defer m.net.cut()
	// Range is offered too: an older member of the group knows nothing else.
	balancers := []kafka.GroupBalancer{kafka.RangeGroupBalancer{}, kafka.RoundRobinGroupBalancer{}}
	if cfg.Sticky {
		balancers = append([]kafka.GroupBalancer{&m.sticky}, balancers...)
	}
	cg, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: cfg.Group, Topics: cfg.Topics, Brokers: []string{anyBroker}, GroupBalancers: balancers,
		Dialer:            &kafka.Dialer{ClientID: m.clientID, Timeout: dialTimeout, DialFunc: m.net.dial},
		HeartbeatInterval: cfg.HeartbeatInterval, SessionTimeout: cfg.SessionTimeout,
		RebalanceTimeout: cfg.RebalanceTimeout, JoinGroupBackoff: cfg.JoinBackoff,
		StartOffset: cfg.Start, Timeout: coordinatorTimeout,
		WatchPartitionChanges: true, PartitionWatchInterval: 10 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("bus: group %s: %w", cfg.Group, err)
	}
	m.group = cg
	m.closed = make(chan struct{})
	for ctx.Err() == nil {
		gen, err := cg.Next(ctx)
		if err != nil {
			m.joinFailed(ctx, err)
			continue
		}
		m.joined(gen)
		done := make(chan struct{})
		gen.Start(func(over context.Context) {
			defer close(done)
			m.generation(ctx, over, gen)
		})
		<-done
	}
	m.leave(joinGrace)
	<-m.closed
	return nil
}
