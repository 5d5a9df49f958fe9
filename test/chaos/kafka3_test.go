//go:build kafka3

package chaos

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// The node that is lost is x, y and z are the others.
const x, y, z = 0, 1, 2

// role is what x is to a ring, or what it isn't.
type role struct {
	name string
	// visitors' partition of session.lifecycle and the heartbeats are led by
	// the first of these, and then by the next.
	visitors, heartbeats [3]int
	coordinates          bool // x does so with presence's group, and may in other roles
}

var roles = []role{
	{"leads a partition", [3]int{x, y, z}, [3]int{z, y, x}, false},
	{"leads the heartbeats", [3]int{y, z, x}, [3]int{x, z, y}, false},
	{"coordinates presence", [3]int{y, z, x}, [3]int{z, y, x}, true},
}

// loss is one way to lose a node.
type loss struct {
	breaks, mends string // commands of kafka.sh; "" where two nodes are enough
	// late are who reaches y last, who has the visitors' partition after x, and
	// by is how much later.
	late string
	by   time.Duration
}

// Who is late by 18 s is so when presence has its coordinator back and has
// counted all graces anew.
var losses = []loss{{"pause", "resume", "edge", 18 * time.Second}, {"kill", "", "presence", 3 * time.Second}}

// outage is how long a node is away at least: longer than a lease, and than any
// grace.
const outage = 12 * time.Second

// comeback is what the oracle allows for after that: a group that was without its
// coordinator waits for the sessions of its former members, and graces are
// counted anew.
const comeback = recovery + 10*time.Second

// TestKafka3: of three nodes of Apache Kafka, two of which must have each record,
// one stands still, and then one dies. Whatever it is to a ring, nobody is told
// as gone who reloads, all are who go, no edge expires and none takes a new epoch.
func TestKafka3(t *testing.T) {
	shared := newKafka3(t, len(roles))
	for i, r := range roles {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			ring := &ring{t: t, kafka3: shared, role: r, gone: map[string]time.Duration{}}
			outcome := judge(t, Options{Seed: uint64(1 + i), Users: 20, Brokers: shared.brokers,
				KafkaScript: "../../deploy/kafka/kafka.sh", KafkaPort: os.Getenv("ROLLCALL_TEST_KAFKA_PORT"),
				recovery: comeback, rest: comeback + leaveDelay + 2*slack, // no edge is lost
				script: ring.script})
			ring.verdict(t, outcome.History)
		})
	}
}

func (r *ring) script(ctx context.Context, n *nemesis) {
	r.n = n
	for _, l := range losses {
		if err := r.try(ctx, l); err != nil {
			r.t.Errorf("%s: %v", l.breaks, err)
			return
		}
	}
}

// try loses a node, at the same time as the other rings. Its readying is a fault
// to the oracle: leaders move, of a Kafka that has just begun.
func (r *ring) try(ctx context.Context, l loss) (err error) {
	var nodes [3]int
	var visitors []visitor
	r.n.strike(ctx, fault{"ready", "leaders", func(ctx context.Context) error {
		if nodes, err = r.choose(ctx); err == nil {
			visitors, err = r.arrive(ctx)
		}
		return err
	}})
	if err = firstOf(err, r.meet(ctx)); err != nil {
		return err
	}
	moment := time.Now().Add(-visits[0].end)
	for _, v := range visitors {
		r.visiting.Go(func() { r.visit(ctx, v, moment) })
	}
	sleep(ctx, time.Until(moment))
	r.n.strike(ctx, fault{l.breaks, fmt.Sprint("node ", nodes[x]), func(ctx context.Context) error { return r.lose(ctx, l, nodes) }})
	r.visiting.Wait()
	if r.coordinates && l.mends != "" {
		return r.n.kafka(l.mends, strconv.Itoa(nodes[x]))
	}
	return nil
}

// lose takes x away, and those who are late cut off from y until the others have
// gone on with it.
func (r *ring) lose(ctx context.Context, l loss, nodes [3]int) (err error) {
	begun := time.Now()
	late := slices.DeleteFunc(r.n.cluster.services(), func(i *instance) bool { return r.visitors[0] != x || i.kind != l.late })
	for _, i := range late {
		i.link.CutFrom(nodes[y] - 1)
	}
	if r.coordinates {
		err = r.n.kafka(l.breaks, strconv.Itoa(nodes[x]))
	}
	err = firstOf(err, await(ctx, "other leaders", func() error { return r.replaced(nodes[x]) }))
	r.n.log("          node %d is replaced after %v", nodes[x], time.Since(begun).Round(time.Millisecond))
	if len(late) > 0 {
		sleep(ctx, l.by)
	}
	for _, i := range late {
		err = firstOf(err, i.link.Heal(ctx))
	}
	sleep(ctx, outage-time.Since(begun))
	return err
}

// verdict is what the oracle allows for when all is broken, and yet mustn't be.
func (r *ring) verdict(t *testing.T, h oracle.History) {
	nobodyExpired(t, h)
	left := map[string]time.Duration{}
	for _, rec := range h.Log {
		if _, data, err := schema.Decode(rec.Value); err == nil {
			if d, ok := data.(*schema.PresenceLeft); ok {
				left[d.User] = rec.At
			}
		}
	}
	for _, user := range r.stayed {
		if at, told := left[user]; told {
			t.Errorf("at %v %s was told as gone, who was back in time", at, user)
		}
	}
	for user, at := range r.gone {
		if _, told := left[user]; !told {
			t.Errorf("%s is gone since %v and was never told so", user, at)
		}
	}
	if len(r.stayed) < 3*len(losses) || len(r.gone) < 3*len(losses) {
		t.Errorf("only %d were back in time, and %d went", len(r.stayed), len(r.gone))
	}
}
