package schema

import (
	"strings"
	"testing"
	"testing/quick"
)

func TestSequenceTextSortsAsItCounts(t *testing.T) {
	property := func(ao, bo uint64, ai, bi uint16) bool {
		// 16 digits and 4: beyond them (after centuries) the text grows.
		const digits16, digits4 = 1e16, 1e4
		a := Sequence{Offset: int64(ao % digits16), Index: int(ai) % digits4}
		b := Sequence{Offset: int64(bo % digits16), Index: int(bi) % digits4}
		if bo%3 == 0 {
			b.Offset = a.Offset
		}
		return a.Above(b) == (a.String() > b.String()) && !(a.Above(b) && b.Above(a)) &&
			(a == b) == (!a.Above(b) && !b.Above(a))
	}
	if err := quick.Check(property, nil); err != nil {
		t.Fatal(err)
	}
}

func TestSequenceText(t *testing.T) {
	for text, want := range map[string]Sequence{
		"0000000000000000.0000":       {},
		"0000000000001042.0007":       {Offset: 1042, Index: 7},
		"9999999999999999.9999":       {Offset: 9999999999999999, Index: 9999},
		"9223372036854775807.0000":    {Offset: 1<<63 - 1},
		"0000000000000001.2147483647": {Offset: 1, Index: 1<<31 - 1},
	} {
		var got Sequence
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %+v %v %s", text, got, err, got)
		}
	}
	for _, text := range []string{"", ".", "1", "1.", ".1", "-1.0", "+1.0", "1.-1", "1.2.3", "1_0.0", " 1.0", "0x1.0",
		"9223372036854775808.0", "1.2147483648", "a.b"} {
		got := Sequence{Offset: 5}
		if err := got.UnmarshalText([]byte(text)); err == nil || got != (Sequence{Offset: 5}) {
			t.Errorf("%q gave %+v %v", text, got, err)
		}
	}
}

func FuzzSequence(f *testing.F) {
	for _, text := range []string{"0000000000001042.0007", "1.2", ".", "9223372036854775807.2147483647"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again Sequence
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if s.Offset < 0 || s.Index < 0 {
			t.Fatalf("%q gave %+v", text, s)
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Fatalf("%q: %+v became %+v, %v", text, s, again, err)
		}
	})
}

func FuzzVersion(f *testing.F) {
	for _, text := range []string{"7:41020", "0:0", ":", "-1:1", "2147483648:1", "1:9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v, again Version
		if v.UnmarshalText([]byte(text)) != nil {
			return
		}
		if v.Partition < 0 || v.Offset < 0 {
			t.Fatalf("%q gave %+v", text, v)
		}
		if err := again.UnmarshalText([]byte(v.String())); err != nil || again != v {
			t.Fatalf("%q: %+v became %+v, %v", text, v, again, err)
		}
	})
}

func TestVersionRefuses(t *testing.T) {
	for _, text := range []string{"", ":", "1", "1:", ":1", "-1:1", "1:-1", "1:+1", "1:1:1", "2147483648:1", "1:9223372036854775808", "a:b"} {
		v := Version{1, 2}
		if err := v.UnmarshalText([]byte(text)); err == nil || v != (Version{1, 2}) {
			t.Errorf("%q gave %+v %v", text, v, err)
		}
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]Source{
		EdgeSource("edge-0", 41):              {SourceEdge, "edge-0", 41},
		TaskSource("presence", "01K", 7):      {SourceTask, "presence-01K", 7},
		APISource("presence-0"):               {SourceAPI, "presence-0", 0},
		EdgeSource("a/b", 3):                  {SourceEdge, "a/b", 3},
		"":                                    {},
		"edges/edge-0/41":                     {},
		"/edges/edge-0":                       {},
		"/edges//41":                          {},
		"/edges/edge-0/-1":                    {},
		"/edges/edge-0/x":                     {},
		"/others/edge-0/41":                   {},
		"/edges/edge-0/9223372036854775808":   {},
		"https://example.com/edges/edge-0/41": {},
	} {
		if got := ParseSource(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestSourcesComeApartAsTheyWerePutTogether(t *testing.T) {
	property := func(name string, number uint32) bool {
		if name == "" {
			return true
		}
		return ParseSource(EdgeSource(name, int64(number))) == Source{SourceEdge, name, int64(number)} &&
			ParseSource(TaskSource("presence", name, int32(number>>1))) == Source{SourceTask, "presence-" + name, int64(number >> 1)}
	}
	if err := quick.Check(property, nil); err != nil {
		t.Fatal(err)
	}
}

func TestEventIDIsUniqueToStampAndPlace(t *testing.T) {
	seen := map[string]bool{}
	for _, source := range []string{EdgeSource("edge-0", 41), EdgeSource("edge-0", 4), TaskSource("presence", "01K", 1), APISource("n")} {
		for _, topic := range []string{TopicLifecycle, TopicChannelEvents} {
			for _, partition := range []int32{0, 1, 11} {
				for _, seq := range []Sequence{{1, 0}, {1, 1}, {11, 0}, {111, 0}} {
					id := EventID(source, topic, partition, seq)
					if seen[id] || strings.HasPrefix(id, "/") {
						t.Fatalf("id %q", id)
					}
					seen[id] = true
				}
			}
		}
	}
}
