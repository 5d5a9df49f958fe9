package mailbox

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"rollcall.dev/events/schema"

	"pgregory.net/rapid"
)

func entry(offset int64, channel, user string) schema.MailboxEntry {
	return schema.MailboxEntry{Sequence: schema.Sequence{Offset: offset}, Type: schema.TypePresenceJoined, Channel: channel,
		Version: schema.Version{Partition: 2, Offset: offset}, Data: json.RawMessage(fmt.Sprintf(`{"channel":%q,"user":%q}`, channel, user))}
}

func record(t interface{ Fatal(...any) }, edge string, epoch int64, source string, entries ...schema.MailboxEntry) []byte {
	b, err := json.Marshal(schema.MailboxRecord{Edge: edge, Epoch: epoch, Source: source, Entries: entries})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// take returns what is new, as channel:offset.
func take(t interface{ Fatal(...any) }, b *Inbox, key string, value []byte) string {
	var d Delivery
	if err := b.Take(&d, []byte(key), value); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, c := range d.Channels {
		for _, e := range c.Entries {
			out = append(out, fmt.Sprintf("%s:%d", c.Name, e.Version.Offset))
		}
	}
	return strings.Join(out, " ")
}

func newInbox(epochs ...int64) *Inbox {
	b := NewInbox("edge-0")
	for _, e := range epochs {
		b.Enter(e)
	}
	return b
}

const source = "/tasks/notifier-01K/2"

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestChannelsAreGroupedInOrder(t *testing.T) {
	b := newInbox(5)
	got := take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(1, "a", "u"), entry(2, "b", "u"), entry(3, "a", "v")))
	expect(t, got, "a:1 a:3 b:2")
}

func TestOthersRecordsAreDropped(t *testing.T) {
	b := newInbox(5)
	expect(t, take(t, b, "edge-16", record(t, "edge-16", 5, source, entry(1, "a", "u"))), "")
	expect(t, take(t, b, "edge-0", record(t, "edge-16", 5, source, entry(1, "a", "u"))), "")
}

// A record older than the edge's epoch harms nothing, even where it shares the
// source of what is to come.
func TestScenario27RecordsOfEarlierProcesses(t *testing.T) {
	b := newInbox(5)
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 4, source, entry(9, "a", "u"))), "")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 6, source, entry(9, "a", "u"))), "") // of a later one
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(3, "a", "u"))), "a:3")
}

// A notifier that died between output and flush sends the same
// again, cut into other records.
func TestScenario15RepeatsAreDroppedEntryByEntry(t *testing.T) {
	b := newInbox(5)
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(5, "a", "u"), entry(6, "a", "v"))), "a:5 a:6")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(5, "a", "u"), entry(6, "a", "v"), entry(7, "a", "w"))), "a:7")
	// Another task counts for itself.
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, "/tasks/notifier-01K/3", entry(2, "c", "u"))), "c:2")
	if s := b.Stats(); s.Repeated != 2 || s.Delivered != 4 {
		t.Fatalf("stats %+v", s)
	}
}

// One flush of a task, two epochs addressed: channel b still under the old one.
func TestEachEpochHasItsOwnWatermark(t *testing.T) {
	b := newInbox(5, 8)
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(10, "a", "u"), entry(14, "b", "u"))), "a:10 b:14")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 8, source, entry(12, "a", "v"))), "a:12")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 8, source, entry(12, "a", "v"))), "")
}

// Watermarks are bounded, and what they are forgotten of is not taken again.
func TestScenario27RepeatsForAForgottenEpochAreDropped(t *testing.T) {
	b := newInbox()
	for epoch := int64(1); epoch <= 50; epoch++ {
		b.Enter(epoch)
		expect(t, take(t, b, "edge-0", record(t, "edge-0", epoch, source, entry(1, "a", "u"))), "a:1")
	}
	for epoch := int64(1); epoch <= 50; epoch++ {
		expect(t, take(t, b, "edge-0", record(t, "edge-0", epoch, source, entry(1, "a", "u"))), "")
	}
	if len(b.epochs) != keptEpochs || b.Epoch() != 50 {
		t.Fatalf("watermarks of %d epochs, the newest %d", len(b.epochs), b.Epoch())
	}
}

// Sources are bounded. One of a new incarnation of a topic counts for itself.
func TestScenario27ANewIncarnationOfASource(t *testing.T) {
	b := newInbox(5)
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(90, "a", "u"))), "a:90")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, "/tasks/notifier-01M/2", entry(1, "a", "u"))), "a:1")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(90, "a", "u"))), "")
	for i := range maxSources + 10 {
		take(t, b, "edge-0", record(t, "edge-0", 5, fmt.Sprint("/tasks/x-01M/", i), entry(1, "b", "u")))
	}
	if n := len(b.epochs[0].marks); n > maxSources {
		t.Fatalf("%d sources", n)
	}
}

// An old owner repeats late what the new one has said under the same stamps,
// and its records and the new one's mix.
func TestScenario27AnOldOwnerRepeatsLate(t *testing.T) {
	b := newInbox(5)
	old := [][]byte{
		record(t, "edge-0", 5, source, entry(1, "a", "u"), entry(2, "a", "v")),
		record(t, "edge-0", 5, source, entry(3, "a", "w"), entry(4, "b", "u")),
	}
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(1, "a", "u"))), "a:1")
	expect(t, take(t, b, "edge-0", old[0]), "a:2")
	expect(t, take(t, b, "edge-0", record(t, "edge-0", 5, source, entry(2, "a", "v"), entry(3, "a", "w"), entry(4, "b", "u"), entry(5, "a", "x"))),
		"a:3 a:5 b:4")
	expect(t, take(t, b, "edge-0", old[1]), "")
	expect(t, take(t, b, "edge-0", old[0]), "")
}

func TestWhatCannotBeDecodedDoesNotStopTheRest(t *testing.T) {
	b := newInbox(5)
	bad := entry(2, "a", "u")
	bad.Data = json.RawMessage(`{"user":7}`)
	unknown := entry(3, "a", "u")
	unknown.Type = "rollcall.presence.teleported.v1"
	var d Delivery
	err := b.Take(&d, []byte("edge-0"), record(t, "edge-0", 5, source, entry(1, "a", "u"), bad, unknown, entry(4, "a", "v")))
	if err == nil || !strings.Contains(err.Error(), "teleported") {
		t.Fatalf("error %v", err)
	}
	if len(d.Channels) != 1 || len(d.Channels[0].Entries) != 2 {
		t.Fatalf("delivered %+v", d.Channels)
	}
	if err := b.Take(&d, []byte("edge-0"), []byte("{")); err == nil {
		t.Fatal("half a record was taken")
	}
}

func TestStatesAndCommands(t *testing.T) {
	b := newInbox(5)
	state, command := entry(1, "a", ""), entry(2, "", "")
	state.Type, state.Data = schema.MailboxState, json.RawMessage(`{"request":3,"part":0,"parts":1,"members":[{"user":"u","meta":{},"joined":7}]}`)
	command.Type, command.Data = schema.MailboxCommand, json.RawMessage(`{"user":"u","session":"s","action":"kick","note":"spam"}`)
	var d Delivery
	if err := b.Take(&d, []byte("edge-0"), record(t, "edge-0", 5, source, state, command)); err != nil {
		t.Fatal(err)
	}
	s, ok := d.Channels[0].Entries[0].Data.(*schema.ChannelState)
	if !ok || s.Request != 3 || s.Members[0].Joined != 7 || s.Members[0].User != "u" {
		t.Fatalf("state %+v", d.Channels[0].Entries[0])
	}
	if c := d.Commands[0]; c.Action != schema.ActionKick || c.Session != "s" || c.Note != "spam" {
		t.Fatalf("command %+v", c.SessionCommand)
	}
}

// The mailbox's half: whatever the windows and however often a
// task begins anew from an earlier input, each entry comes out once, in order.
func TestScenario22EveryEntryOnceWhateverTheWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 40
		b := newInbox(5)
		var got []string
		seen := 0
		for at := 1; at <= n; {
			size := rapid.IntRange(1, 7).Draw(t, "window")
			var entries []schema.MailboxEntry
			for i := at; i < min(at+size, n+1); i++ {
				entries = append(entries, entry(int64(i), "a", "u"))
			}
			if s := take(t, b, "edge-0", record(t, "edge-0", 5, source, entries...)); s != "" {
				got = append(got, s)
			}
			at += len(entries)
			seen = max(seen, at)
			if rapid.IntRange(0, 4).Draw(t, "crash") == 0 {
				at = rapid.IntRange(max(1, at-10), at).Draw(t, "restart")
			}
		}
		var want []string
		for i := 1; i <= n; i++ {
			want = append(want, fmt.Sprintf("a:%d", i))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("got %v", got)
		}
	})
}

// A partition may be shared: another edge's records are its own matter, but
// what no task wrote has nobody else to report it.
func TestRecordsOfOthers(t *testing.T) {
	b := NewInbox("edge-0")
	b.Enter(1)
	for _, c := range []struct {
		key, value string
		bad        bool
	}{
		{"edge-1", `{"edge":"edge-1","epoch":1,"entries":[]}`, false},
		{"edge-1", "no JSON", true},
		{"", `{}`, true},
	} {
		var d Delivery
		if err := b.Take(&d, []byte(c.key), []byte(c.value)); (err != nil) != c.bad || !d.Empty() {
			t.Errorf("key %q value %q: error %v", c.key, c.value, err)
		}
	}
}
