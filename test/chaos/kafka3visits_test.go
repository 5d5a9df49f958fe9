//go:build kafka3

package chaos

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// visit is how a user behaves around the moment at which a node is lost. Who
// isn't back is gone for good.
type visit struct{ end, back time.Duration }

// visits: some ends are in the log before that moment and their graces end
// after it, when returns wait in an edge.
var visits = []visit{
	{end: -3500 * time.Millisecond},
	{end: -3 * time.Second, back: 500 * time.Millisecond},
	{end: -2 * time.Second, back: 2 * time.Second},
	{end: -time.Second},
	{end: -500 * time.Millisecond, back: 3 * time.Second},
	{end: time.Second, back: 4500 * time.Millisecond},
	{end: 2 * time.Second},
}

// room is one that the crowd watches.
const room = "room.0"

// ring is two of each service, and who visits.
type ring struct {
	*kafka3
	role
	t        *testing.T
	n        *nemesis
	names    int // so far
	visiting sync.WaitGroup

	mu     sync.Mutex
	stayed []string                 // were back within the grace
	gone   map[string]time.Duration // since when
}

// visitor is a user at the first edge.
type visitor struct {
	visit
	name   string
	client *client
}

// arrive has users of the partition in a room, acknowledged.
func (r *ring) arrive(ctx context.Context) ([]visitor, error) {
	all, errs := make([]visitor, len(visits)), make([]error, len(visits))
	for i, v := range visits {
		name := r.name()
		r.visiting.Go(func() {
			c, err := r.connect(ctx, name, name+".1", 0)
			if err == nil {
				_, err = c.subscribe(ctx, room, schema.RoleMember)
			}
			all[i], errs[i] = visitor{v, name, c}, err
		})
	}
	r.visiting.Wait()
	return all, firstOf(errs...)
}

// name is the next one of the partition.
func (r *ring) name() string {
	for count, _ := strconv.Atoi(partitions); ; {
		r.names++
		if name := fmt.Sprintf("visitor-%d", r.names); harness.Partition(name, count) == partition {
			return name
		}
	}
}

func (r *ring) connect(ctx context.Context, user, conn string, edge int) (*client, error) {
	c, err := dial(ctx, r.n.rec, conn, user, r.n.cluster.at()[edge], nil)
	if err == nil {
		r.t.Cleanup(c.reset)
	}
	return c, err
}

// visit lets a user go, and come back to the other edge.
func (r *ring) visit(ctx context.Context, v visitor, moment time.Time) {
	sleep(ctx, time.Until(moment.Add(v.end)))
	ended := r.n.rec.now()
	if v.back == 0 {
		v.client.reset()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gone[v.name] = ended
		return
	}
	v.client.close(websocket.StatusGoingAway)
	sleep(ctx, time.Until(moment.Add(v.back)))
	c, err := r.connect(ctx, v.name, v.name+".2", 1)
	if err != nil {
		r.n.blame("%s couldn't come back: %v", v.name, err)
		return
	}
	if r.n.rec.now()-ended < leaveDelay-200*time.Millisecond {
		r.mu.Lock()
		r.stayed = append(r.stayed, v.name)
		r.mu.Unlock()
	}
	_, _ = c.subscribe(ctx, room, schema.RoleMember) // its receipt waits for Kafka
}
