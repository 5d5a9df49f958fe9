package sim

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups mends what kfake's consumer groups do otherwise than Kafka's.
//
// A member that died as it joined keeps a generation waiting for it, up to its
// session timeout. kfake's timeout may hit another one that waits, and its count
// of who has joined is wrong from then on: so such a member is taken out before.
// Each who joins a rebalance prolongs it: with a wrong count it never ends, for
// whoever has waited too long asks anew. So a long one takes nobody any more.
type groups struct {
	mu     sync.Mutex
	synced map[string]int32  // generation, by member
	since  map[string]moment // by group
}

// moment is since when a group is in a state of a generation.
type moment struct {
	generation int32
	preparing  bool
	at         time.Time
}

const (
	// patience is less than the session timeout of any member.
	patience = 2 * time.Second
	// maxPreparing is longer than it.
	maxPreparing = 8 * time.Second
)

// listen hears what members say to a cluster.
func (g *groups) listen(c *kfake.Cluster) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.synced, g.since = map[string]int32{}, map[string]moment{}
	c.ControlKey(kmsg.SyncGroup.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		g.mu.Lock()
		defer g.mu.Unlock()
		r := req.(*kmsg.SyncGroupRequest)
		g.synced[r.MemberID] = r.Generation
		return nil, nil, false
	})
	c.ControlKey(kmsg.JoinGroup.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		g.mu.Lock()
		defer g.mu.Unlock()
		m := g.since[req.(*kmsg.JoinGroupRequest).Group]
		if !m.preparing || time.Since(m.at) < maxPreparing {
			return nil, nil, false
		}
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.JoinGroupResponse)
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return resp, nil, true
	})
}

// watch looks after the groups until ctx ends.
func (g *groups) watch(ctx context.Context, d *deployment) {
	transport := &kafka.Transport{Dial: d.net.dialer(observer)}
	defer transport.CloseIdleConnections()
	api := &kafka.Client{Addr: kafka.TCP(d.brokers...), Transport: transport, Timeout: time.Second}
	ticker := time.NewTicker(patience / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, group := range []string{"presence", "notifier"} {
			for _, id := range g.missing(d.kafka.group(group)) {
				_, _ = api.LeaveGroup(ctx, &kafka.LeaveGroupRequest{GroupID: group, Members: []kafka.LeaveGroupRequestMember{{ID: id}}})
			}
		}
	}
}

// missing are the members of a generation that had time to take their part in
// it and didn't.
func (g *groups) missing(info *kfake.GroupInfo) (ids []string) {
	if info == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.since[info.Group]
	if preparing := info.State == "PreparingRebalance"; m.generation != info.Epoch || m.preparing != preparing {
		m = moment{info.Epoch, preparing, time.Now()}
		g.since[info.Group] = m
	}
	if m.preparing || time.Since(m.at) < patience {
		return nil
	}
	for _, member := range info.Members {
		if g.synced[member.MemberID] != info.Epoch {
			ids = append(ids, member.MemberID)
		}
	}
	return ids
}
