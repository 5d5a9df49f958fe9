package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
	"rollcall.dev/test/e2e/harness"
)

// ring is two of each service as processes, and its topics as a plain Kafka
// client reads them.
type ring struct {
	*harness.Ring
	world
	topics     schema.Topics
	heartbeats *harness.Log
	dead       *harness.Log
}

func brokers(t *testing.T) []string {
	if outside := os.Getenv(harness.EnvBrokers); outside != "" {
		return strings.Split(outside, ",")
	}
	return harness.StartStandalone(t, bin, "", "").Brokers
}

func startRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{Ring: harness.StartRing(t, bin, brokers(t), prefix(t))}
	r.topics = schema.Topics{Prefix: r.Prefix}
	r.near, r.far = r.Edges[0].Listen, r.Edges[1].Listen
	for _, p := range r.Presence {
		r.presence = append(r.presence, p.Listen)
	}
	r.lifecycle = harness.Follow(t, r.Brokers, r.topics.Lifecycle())
	r.channels = harness.Follow(t, r.Brokers, r.topics.ChannelEvents())
	r.heartbeats = harness.Follow(t, r.Brokers, r.topics.Heartbeat())
	r.dead = harness.Follow(t, r.Brokers, r.topics.DeadLetter())
	return r
}

// TestRing: what one instance does, two do, and one of two when the other is
// killed. The steps build on each other.
func TestRing(t *testing.T) {
	t.Parallel()
	r := startRing(t)
	t.Run("scenarios", r.run)
	t.Run("poison", r.poison)
	t.Run("goes on", r.goesOn)
	t.Run("official adapter", r.officialAdapter)
	t.Run("scenario 35 lag", r.scenario35Lag)
	t.Run("scenario 35 new epoch", r.scenario35NewEpoch)
	t.Run("kill presence", r.killPresence)
	t.Run("kill notifier", r.killNotifier)
	t.Run("kill edge", r.killEdge)
	changelogs := r.throwIntoChangelogs(t)
	t.Run("rolling restart", r.rollingRestart)
	t.Run("poisoned changelogs", changelogs.areSetAside)
	t.Run("kill everything", r.killEverything)
	t.Run("goes on again", r.goesOn)
	validRecords(t, r.lifecycle, r.channels)
	r.validInternals(t)
	t.Run("stop", r.stop)
}

// owner is the instance of a kind that says in its newest heartbeat that it
// owns a partition.
func (r *ring) owner(t *testing.T, kind string, of []*harness.Service, partition int) *harness.Service {
	t.Helper()
	var found *harness.Service
	retry.Eventually(t, harness.Patience, func() error {
		newest := map[string]schema.Heartbeat{}
		for _, e := range r.heartbeats.Entries() {
			var beat schema.Heartbeat
			if json.Unmarshal(e.Value, &beat) == nil && beat.Kind == kind {
				newest[beat.Instance] = beat
			}
		}
		for _, s := range of {
			if slices.Contains(newest[s.ID].Partitions, int32(partition)) {
				found = s
				return nil
			}
		}
		return fmt.Errorf("no %s says that it owns partition %d: %v", kind, partition, newest)
	})
	return found
}

const partitionCount = 4 // harness.Partitions

// killPresence: the owner of alice's partition dies in her grace period. She
// is told as gone, once, and not early.
func (r *ring) killPresence(t *testing.T) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, r.far, bob).Join(name)
	a := harness.Connect(t, r.near, alice)
	a.Join(name)
	inB.WaitMembers(alice, bob)
	victim := r.owner(t, schema.KindPresence, r.Presence, harness.Partition(alice, partitionCount))
	a.Drop()
	harness.Of(r.lifecycle, "alice's end", func(d *schema.SessionDisconnected) bool { return d.Session == a.Session })
	victim.Kill()
	begun := time.Now()
	inB.WaitLeft(alice)
	t.Logf("told %v after the kill of %s", time.Since(begun), victim.ID)
	afterwards(t, &r.world, inB, alice, name)
	once(t, inB, alice, schema.ReasonConnectionLost)
	validate(t, inB)
	r.Restart(victim)
}

// killNotifier: the owner of the room's partition dies in alice's grace period.
func (r *ring) killNotifier(t *testing.T) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	b := harness.Connect(t, r.far, bob)
	inB := b.Join(name)
	a := harness.Connect(t, r.near, alice)
	a.Join(name)
	inB.WaitMembers(alice, bob)
	victim := r.owner(t, schema.KindNotifier, r.Notifier, harness.Partition(name, partitionCount))
	a.Drop()
	harness.Of(r.lifecycle, "alice's end", func(d *schema.SessionDisconnected) bool { return d.Session == a.Session })
	victim.Kill()
	begun := time.Now()
	inB.WaitLeft(alice)
	t.Logf("told %v after the kill of %s", time.Since(begun), victim.ID)
	afterwards(t, &r.world, inB, alice, name)
	once(t, inB, alice, schema.ReasonConnectionLost)
	validate(t, inB)
	r.Restart(victim)
}

// killEdge: an edge dies with its sessions. Presence says so in the log, for
// readers of the log alone, and the other edge's clients are told, once.
func (r *ring) killEdge(t *testing.T) {
	alice, bob, carol, name := user(t, "alice"), user(t, "bob"), user(t, "carol"), room(t)
	inB := harness.Connect(t, r.far, bob).Join(name)
	a, c := harness.Connect(t, r.near, alice), harness.Connect(t, r.near, carol)
	a.Join(name)
	c.Join(name)
	inB.WaitMembers(alice, bob, carol)
	victim := r.Edges[0]
	victim.Kill()
	begun := time.Now()
	inB.WaitLeft(alice)
	t.Logf("told %v after the kill of %s", time.Since(begun), victim.ID)
	inB.WaitMembers(bob)
	for _, gone := range []*harness.Client{a, c} {
		e, d := harness.Of(r.lifecycle, "the end of a lost session", func(d *schema.SessionDisconnected) bool { return d.Session == gone.Session })
		if d.Reason != schema.ReasonEdgeLost || d.Initiator != schema.InitiatorNetwork || d.Clean || d.Edge != victim.ID {
			t.Errorf("ended with %+v", d)
		}
		if source := schema.ParseSource(e.Event.Source); source.Kind != schema.SourceTask || string(e.Key) != gone.User {
			t.Errorf("the end is from %s, key %s", e.Event.Source, e.Key)
		}
	}
	r.Restart(victim)
	again := harness.Connect(t, r.near, alice)
	inA := again.Join(name)
	inA.WaitMembers(alice, bob)
	inB.WaitMembers(alice, bob)
	again.Disconnect()
	inB.WaitMembers(bob)
	for user, want := range map[string]int{alice: 2, carol: 1} {
		if n := inB.Count("left", user); n != want {
			t.Errorf("told %d departures of %s, want %d: %v", n, user, want, inB.Told())
		}
	}
	for _, told := range inB.Told() {
		if told.What == "left" && told.User == carol && told.Reason != schema.ReasonEdgeLost {
			t.Errorf("carol left for %s", told.Reason)
		}
	}
	ends := r.lifecycle.Distinct(func(e harness.Entry) bool {
		d, ok := e.Data.(*schema.SessionDisconnected)
		return ok && (d.Session == a.Session || d.Session == c.Session)
	})
	if ends != 2 {
		t.Errorf("two lost sessions have %d ends in the log", ends)
	}
	validate(t, inA, inB)
}

// validInternals holds the records of internal topics against their schemas.
func (r *ring) validInternals(t *testing.T) {
	mailbox := harness.Follow(t, r.Brokers, r.topics.Mailbox())
	mailbox.Wait("a change for an edge", func(e harness.Entry) bool { return strings.Contains(string(e.Value), "presence.left") })
	for name, log := range map[string]*harness.Log{"heartbeat": r.heartbeats, "mailbox": mailbox, "deadletter": r.dead} {
		for _, e := range log.Entries() {
			if string(e.Value) == thrownValue {
				continue
			}
			if err := schemas.Validate(name, e.Value); err != nil {
				t.Errorf("%s %d:%d isn't valid: %s\n%v", e.Topic, e.Partition, e.Offset, e.Value, err)
			}
		}
	}
}

// stop: every service ends cleanly and soon; an edge tells its sessions.
func (r *ring) stop(t *testing.T) {
	c := harness.Connect(t, r.near, user(t, "alice"))
	services := slices.Concat(r.Edges, r.Notifier, r.Presence)
	for _, s := range services {
		begun := time.Now()
		s.Signal(syscall.SIGTERM)
		if code := s.Wait(5 * time.Second); code != 0 {
			t.Errorf("%s ended with exit code %d after %v", s.ID, code, time.Since(begun))
		}
	}
	_, d := harness.Of(r.lifecycle, "the end", func(d *schema.SessionDisconnected) bool { return d.Session == c.Session })
	if d.Reason != schema.ReasonServerShutdown || d.CloseCode != 1012 {
		t.Errorf("ended with %+v", d)
	}
	if _, err := harness.TryConnect(t, r.near, "nobody"); err == nil {
		t.Error(errors.New("a stopped edge accepts"))
	}
}
