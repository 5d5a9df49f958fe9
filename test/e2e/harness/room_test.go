package harness

import (
	"slices"
	"testing"

	"rollcall.dev/events/schema"
)

const stateOfTwo = `{"type":"presence.state","channel":"c","version":"1:10","count":2,"truncated":false,"members":[{"user":"alice","meta":{}},{"user":"bob","meta":{}}]}`

func diff(version, count, rest string) string {
	return `{"type":"presence.diff","channel":"c","version":"` + version + `","count":` + count + `,` + rest + `}`
}

// What the end-to-end tests rely on: a room notices what a client must not be
// told.
func TestRoomNotices(t *testing.T) {
	for name, c := range map[string]struct {
		bodies []string
		bad    bool
	}{
		"a leave":            {[]string{stateOfTwo, diff("1:11", "1", `"left":[{"user":"bob","reason":"kicked"}]`)}, false},
		"a leave and return": {[]string{stateOfTwo, diff("1:12", "2", `"left":[{"user":"bob"}],"joined":[{"user":"bob"}]`)}, false},
		"a message":          {[]string{stateOfTwo, `{"type":"message","user":"bob","body":"hi"}`}, false},
		"a newer state":      {[]string{stateOfTwo, stateOfTwo}, false},
		"left twice":         {[]string{stateOfTwo, diff("1:11", "1", `"left":[{"user":"bob"}]`), diff("1:12", "1", `"left":[{"user":"bob"}]`)}, true},
		"left of an absent":  {[]string{stateOfTwo, diff("1:11", "2", `"left":[{"user":"carol"}]`)}, true},
		"joined twice":       {[]string{stateOfTwo, diff("1:11", "2", `"joined":[{"user":"bob"}]`)}, true},
		"a wrong count":      {[]string{stateOfTwo, diff("1:11", "2", `"left":[{"user":"bob"}]`)}, true},
		"an older version":   {[]string{stateOfTwo, diff("1:9", "3", `"joined":[{"user":"carol"}]`)}, true},
		"state, wrong count": {[]string{`{"type":"presence.state","version":"1:1","count":3,"members":[]}`}, true},
		"an unknown type":    {[]string{`{"type":"presence.other"}`}, true},
		"something not JSON": {[]string{`hello`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t, "c", "alice", nil)
			for _, body := range c.bodies {
				r.apply([]byte(body))
			}
			if got := r.problems(); (len(got) > 0) != c.bad {
				t.Errorf("problems %v", got)
			}
		})
	}
}

func TestRoomKnowsItsMembers(t *testing.T) {
	r := newRoom(t, "c", "alice", nil)
	for _, body := range []string{stateOfTwo,
		diff("1:11", "2", `"left":[{"user":"bob","reason":"edge_lost"}],"joined":[{"user":"carol","meta":{"a":"1"}}]`),
		diff("1:12", "2", `"updated":[{"user":"alice","meta":{"b":"2"}}]`)} {
		r.apply([]byte(body))
	}
	r.WaitMembers("carol", "alice")
	if told := r.WaitLeft("bob"); told.Reason != schema.ReasonEdgeLost || r.Count("left", "bob") != 1 {
		t.Errorf("told %v", told)
	}
	if r.Member("carol").Meta["a"] != "1" || r.Member("alice").Meta["b"] != "2" {
		t.Errorf("members %v %v", r.Member("carol"), r.Member("alice"))
	}
	r.Check()
}

// The murmur2 of the Java client, for the key of its own test.
func TestPartition(t *testing.T) {
	var got []int
	for _, key := range []string{"21", "foobar", "a-little-bit-long-string"} {
		got = append(got, Partition(key, 1000))
	}
	// Utils.murmur2 gives -973932308, -790332482, -985981536; the sign bit is cleared.
	if want := []int{(-973932308 & 0x7fffffff) % 1000, (-790332482 & 0x7fffffff) % 1000, (-985981536 & 0x7fffffff) % 1000}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
