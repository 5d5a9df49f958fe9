package grant_test

import (
	"encoding/json"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
)

func parse(t *testing.T, claim string) (grant.Grant, error) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(claim), &v); err != nil {
		t.Fatal(err)
	}
	return grant.Parse(v)
}

// ask asks for one thing: "join room.1".
func ask(g grant.Grant, question string) bool {
	what, name, _ := strings.Cut(question, " ")
	return map[string]func(string) bool{"join": g.MayJoin, "watch": g.MayWatch, "send": g.MaySend, "see": g.MaySee}[what](name)
}

func TestPatterns(t *testing.T) {
	for _, tc := range []struct{ claim, yes, no string }{
		{`{"join":null,"presence":[]}`, "", "join a, see a"},
		{`{}`, "", "join a, watch a, send a, see a"},
		{`{"join":["room.1"]}`, "join room.1", "join room.10, join room., join Room.1, watch room.1, send room.1, see room.1"},
		{`{"join":["room.*"]}`, "join room.1, join room., join room.a.b", "join room, join aroom.1, watch room.1"},
		{`{"join":["*"],"watch":["*"],"send":["*"]}`, "join a, watch a, send a", "see a, see alice"},
		{`{"presence":["*"]}`, "see alice, see *, see a/b c", "join alice, watch alice, send alice"},
		{`{"presence":["al*","Zoë K"]}`, "see alice, see Zoë K", "see bob, see Zoë"},
		{`{"send":["a","b.*"],"watch":["c"]}`, "send a, send b.1, watch c", "send c, watch a, join a"},
		{`{"watch":["a:*"]}`, "watch a:1", "watch a"},
	} {
		g, err := parse(t, tc.claim)
		if err != nil {
			t.Errorf("%s: %v", tc.claim, err)
			continue
		}
		for question := range strings.SplitSeq(tc.yes, ", ") {
			if question != "" && !ask(g, question) {
				t.Errorf("%s doesn't allow %s", tc.claim, question)
			}
		}
		for question := range strings.SplitSeq(tc.no, ", ") {
			if ask(g, question) {
				t.Errorf("%s allows %s", tc.claim, question)
			}
		}
	}
}

// A claim that isn't one is refused, and the text says why.
func TestClaimsThatAreNone(t *testing.T) {
	for claim, want := range map[string]string{
		`null`:                   "it is null; want an object",
		`"*"`:                    "it is a string",
		`["room.*"]`:             "it is a list",
		`true`:                   "it is a boolean",
		`{"join":"*"}`:           "its join is a string; want a list",
		`{"watch":[1]}`:          "its watch holds a number",
		`{"watch":[["a"]]}`:      "its watch holds a list",
		`{"joins":["*"]}`:        "fields that are unknown; want join, watch, send and presence",
		`{"Join":["*"]}`:         "fields that are unknown",
		`{"join":[""]}`:          "channel name is empty",
		`{"join":["a*b"]}`:       `pattern "a*b"`,
		`{"join":["**"]}`:        `pattern "**"`,
		`{"join":["@alice"]}`:    `pattern "@alice"`,
		`{"join":["@*"]}`:        `pattern "@*"`,
		`{"join":["a b"]}`:       "only A-Z",
		`{"send":["a\nj*"]}`:     "only A-Z",
		`{"presence":["a\nj*"]}`: "control characters",
		`{"presence":[""]}`:      "user id is empty",
		`{"join":["` + strings.Repeat("x", 129) + `"]}`: "at most 128",
	} {
		g, err := parse(t, claim)
		if err == nil || !strings.Contains(err.Error(), want) || g != (grant.Grant{}) {
			t.Errorf("%s: error %v, want one with %q", claim, err, want)
		}
	}
}

func TestCovers(t *testing.T) {
	g, err := parse(t, `{"join":["a"],"watch":["b"],"presence":["alice"]}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		channel string
		role    schema.Role
		want    bool
	}{
		{"", "", true},
		{"a", schema.RoleMember, true},
		{"a", schema.RoleWatcher, false},
		{"b", schema.RoleWatcher, true},
		{"b", schema.RoleMember, false},
		{"@alice", schema.RoleWatcher, true},
		{"@bob", schema.RoleWatcher, false},
	} {
		s := schema.Subscription{Channel: tc.channel, Role: tc.role}
		if g.Covers(s) != tc.want {
			t.Errorf("%+v: %v", s, !tc.want)
		}
		if !grant.Everything().Covers(s) {
			t.Errorf("everything doesn't cover %+v", s)
		}
		if tc.channel != "" && (grant.Grant{}).Covers(s) {
			t.Errorf("nothing covers %+v", s)
		}
	}
}

// Neither the order of a claim nor what it says twice makes another grant.
func TestEqualGrantsAreOne(t *testing.T) {
	a, err := parse(t, `{"join":["b","a","a"],"send":["c"]}`)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse(t, `{"send":["c","c"],"join":["a","b"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a == grant.EveryChannel() || grant.EveryChannel() == grant.Everything() {
		t.Error("grants differ or don't where they should")
	}
	if all := grant.EveryChannel(); !all.MayJoin("a") || !all.MayWatch("a") || !all.MaySend("a") || all.MaySee("a") {
		t.Error("every channel is something else")
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	g, err := parse(t, `{"join":["a","b","room.*"],"send":["*"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { g.MayJoin("room.1"); g.MaySend("x") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
