package sim

import (
	"context"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groups takes members out of their groups who joined a generation and don't
// take their part of it, because they died as they joined. Kafka does that by
// its session timeout; kfake's may hit one who waits for such a leader, and its
// count of who has joined is wrong from then on.
type groups struct {
	mu     sync.Mutex
	synced map[string]int32  // generation, by member
	since  map[string]moment // by group
}

// moment is when a group came to its generation.
type moment struct {
	generation int32
	at         time.Time
}

// patience is less than the session timeout of any member.
const patience = 2 * time.Second

// listen notes who takes their part of a generation.
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
}

// expel looks after the groups until ctx ends.
func (g *groups) expel(ctx context.Context, d *deployment) {
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

// missing are the members that had time to take their part and didn't.
func (g *groups) missing(info *kfake.GroupInfo) (ids []string) {
	if info == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.since[info.Group]; m.generation != info.Epoch || info.State == "PreparingRebalance" {
		g.since[info.Group] = moment{info.Epoch, time.Now()}
	}
	if time.Since(g.since[info.Group].at) < patience {
		return nil
	}
	for _, m := range info.Members {
		if g.synced[m.MemberID] != info.Epoch {
			ids = append(ids, m.MemberID)
		}
	}
	return ids
}
