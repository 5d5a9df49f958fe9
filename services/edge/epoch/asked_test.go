package epoch

import (
	"fmt"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/retry"
)

// Whoever waits for returns asks; the edge answers at once, and what it has
// heard shows that the answer is younger than the question.
func TestAnEdgeThatIsAskedBeatsAtOnce(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	k, entered := c.keeper("a")
	k.cfg.Interval = time.Minute // no beat by itself
	c.start(k)
	next(t, entered)
	if first := c.read()[1]; first.Heard != first.Epoch {
		t.Errorf("the first beat has heard %d under epoch %d", first.Heard, first.Epoch)
	} else if first.IntervalMS != 60_000 {
		t.Errorf("the first beat tells an interval of %d ms", first.IntervalMS)
	}
	c.say(schema.Heartbeat{Kind: schema.KindPresence, Instance: "p"})
	question := c.say(schema.Heartbeat{Kind: schema.KindPresence, Instance: "p", Ask: true})
	retry.Eventually(t, limit, func() error {
		all := c.read()
		if last := all[len(all)-1]; last.Kind != schema.KindEdge || last.Heard < question {
			return fmt.Errorf("last of %d is %+v", len(all), last)
		}
		return nil
	})
}

// Until the next epoch is told, what is owed to it is as old as the reason.
func TestAnEpochThatIsOwedIsABacklog(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	k, _ := c.keeper("a")
	k.cfg.Status = func() Status { return Status{} }
	k.told.Store(7)
	k.Renew(6, "lost something of a former one")
	if hb := k.beat(1); hb.OldestMS != 0 {
		t.Errorf("beat %+v", hb)
	}
	k.Renew(7, "lost something")
	if hb := k.beat(1); hb.OldestMS == 0 {
		t.Errorf("beat %+v", hb)
	}
	k.told.Store(9)
	if hb := k.beat(1); hb.OldestMS != 0 {
		t.Errorf("beat %+v", hb)
	}
}
