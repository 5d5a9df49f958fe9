package stream_test

import (
	"fmt"
	"slices"
	"testing"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/brokertest"
)

// busy comes again and again, so that the log moves on.
const busy = "busy"

// cleaned is a world whose changelog is compacted all the time, in segments of a
// few flushes: on Apache Kafka by its cleaner, else by the embedded broker's.
type cleaned struct {
	*world
	visits map[string]int
	told   []string
	clean  func()
}

func newCleaned(t *testing.T) *cleaned {
	t.Helper()
	c := &cleaned{visits: map[string]int{}, clean: func() {}}
	settings := map[string]string{"delete.retention.ms": "10"}
	if !brokertest.External() {
		broker := brokertest.Start(t)
		c.world = worldWith(t, broker.Addrs(), 1, settings)
		c.clean = func() { broker.Cluster().Compact() }
		return c
	}
	// Kafka 4 refuses segment.bytes below 1 MB; its own tests set this one. The
	// largest flush has to fit.
	settings["internal.segment.bytes"], settings["min.cleanable.dirty.ratio"] = "65536", "0.01"
	c.world = worldWith(t, brokertest.Brokers(t), 1, settings)
	return c
}

// comes has users come.
func (c *cleaned) comes(users ...string) {
	for _, u := range users {
		status := ""
		if u == busy {
			status = rooms.StatusBloat + "8000" // a few of these fill a segment
		}
		c.visits[u]++
		c.told = append(c.told, fmt.Sprintf("join %s %d", u, c.visits[u]))
		c.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, u), Status: status})
	}
}

func (c *cleaned) goes(users ...string) {
	for _, u := range users {
		delete(c.visits, u)
		c.told = append(c.told, "left "+u)
		c.disconnect("e1", 1, u)
	}
}

// until writes on until the cleaner has been where that shows in the changelog.
func (c *cleaned) until(seen func(changelog []bus.Record) bool) {
	c.t.Helper()
	retry(c.t, func() bool {
		c.comes(busy)
		c.clean()
		return seen(c.all(c.topics.PresenceState()))
	})
}

// without is a changelog that has nothing of a user any more, not even its end.
func without(users ...string) func([]bus.Record) bool {
	return func(changelog []bus.Record) bool {
		return !slices.ContainsFunc(changelog, func(rec bus.Record) bool {
			return slices.ContainsFunc(users, func(u string) bool { return string(rec.Key) == rooms.Key(u, "s-"+u) })
		})
	}
}

// compactedTo is a changelog that has only the newest of what was written before
// an offset.
func compactedTo(offset int64) func([]bus.Record) bool {
	return func(changelog []bus.Record) bool {
		seen := map[string]bool{}
		for _, rec := range changelog {
			if rec.Offset < offset && seen[string(rec.Key)] {
				return false
			}
			seen[string(rec.Key)] = true
		}
		return true
	}
}

func (c *cleaned) end(topic string) int64 {
	c.t.Helper()
	_, end, err := c.client.Offsets(deadline(c.t), topic, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	return end
}

func (c *cleaned) rival(name string) *stream.Service {
	cfg := c.config(name)
	cfg.Group += "-" + name
	return c.start(cfg)
}

// The changelog is compacted while one owner writes it, while two take it from
// one another, and before a last one restores it: who was deleted before or after
// doesn't rise, and nobody else is lost. Segments are small, so what is restored
// has been cleaned again and again.
func TestScenario17TwoOwnersRestoreWhatIsCompacted(t *testing.T) {
	c := newCleaned(t)
	var stay, goBefore, goAfter []string
	for i := range 8 {
		stay, goBefore, goAfter = append(stay, fmt.Sprint("stays", i)), append(goBefore, fmt.Sprint("before", i)), append(goAfter, fmt.Sprint("after", i))
	}
	a := c.rival("a")
	c.running(a, 0)
	for range 3 {
		c.comes(slices.Concat(stay, goBefore, goAfter)...)
	}
	c.goes(goBefore...)
	c.until(without(goBefore...))
	c.until(compactedTo(c.end(c.topics.PresenceState())))

	c.stop(a)
	b, d := c.rival("b"), c.rival("d")
	c.comes(stay...)
	c.goes(goAfter...)
	c.comes(goBefore[0]) // comes again
	c.until(without(goAfter...))
	c.stop(b)
	c.running(d, 0)
	c.comes(append(stay, "late")...)
	c.until(compactedTo(c.end(c.topics.PresenceState())))
	c.goes("late") // its end is the last of the changelog
	retry(t, func() bool { return c.restored().Position() == c.end(c.topics.Lifecycle()) })
	c.stop(d)

	last := c.rival("last")
	c.comes("last")
	if got := readAll(c.world, "join last 1"); !slices.Equal(got, c.told) {
		t.Errorf("readers were told\n%q, want\n%q", got, c.told)
	}
	retry(t, func() bool { return c.restored().Position() == c.end(c.topics.Lifecycle()) })
	c.judge(last, 0)
}
