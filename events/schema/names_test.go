package schema

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckChannel(t *testing.T) {
	for name, ok := range map[string]bool{
		"room.1": true, "A-Z_0:9": true, strings.Repeat("c", 128): true, ".": true,
		"": false, strings.Repeat("c", 129): false, "@alice": false, "a b": false, "a/b": false, "ä": false,
		"a\n": false, "a\x00": false, "*": false, "a,b": false, "%41": false,
	} {
		if err := CheckChannel(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestCheckUser(t *testing.T) {
	for id, ok := range map[string]bool{
		"alice": true, "älice": true, "a b": true, "@alice": true, "a/b": true, "🙂": true, strings.Repeat("u", 128): true,
		"": false, strings.Repeat("u", 129): false, strings.Repeat("ä", 65): false, "a\x00": false, "a\x7f": false,
		"a\u0085b": false, "\xff": false, "a\tb": false,
	} {
		if err := CheckUser(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"room.1", "@alice", "a\x00", "\xff", "ä", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckChannel(name) == nil {
			if IsPersonal(name) || len(name) > MaxChannelLen || CheckUser(name) != nil {
				t.Fatalf("channel %q", name)
			}
		}
		if CheckUser(name) == nil {
			if !utf8.ValidString(name) || len(name) > MaxUserLen || strings.ContainsAny(name, "\x00\n\r\t") {
				t.Fatalf("user %q", name)
			}
			if p := Personal(name); !IsPersonal(p) || CheckChannel(p) == nil {
				t.Fatalf("personal channel %q", p)
			}
		}
		for _, partitions := range []int{1, 7, 16} {
			p := MailboxPartition(name, partitions)
			if p < 0 || int(p) >= partitions || p != MailboxPartition(name, partitions) {
				t.Fatalf("%q: mailbox partition %d of %d", name, p, partitions)
			}
		}
	})
}

func TestMailboxPartitionKeepsOrdinalsApart(t *testing.T) {
	seen := map[int32]string{}
	for i := range 16 {
		edge := fmt.Sprintf("edge-%d", i)
		p := MailboxPartition(edge, 16)
		if other, taken := seen[p]; taken {
			t.Fatalf("%s and %s share partition %d", edge, other, p)
		}
		seen[p] = edge
	}
	if MailboxPartition("edge-17", 16) != MailboxPartition("edge-1", 16) {
		t.Error("ordinals wrap round")
	}
}

func TestMailboxPartitionSpreadsOtherNames(t *testing.T) {
	const partitions = 16
	counts := make([]int, partitions)
	for i := range 1600 {
		counts[MailboxPartition(fmt.Sprintf("host%d-x", i), partitions)]++
	}
	for p, n := range counts {
		if n < 50 || n > 200 {
			t.Errorf("partition %d got %d of 1600, counts %v", p, n, counts)
		}
	}
	// Too many digits for an ordinal are a name like any other.
	if p := MailboxPartition("edge-99999999999999999999", partitions); p < 0 || p >= partitions {
		t.Errorf("partition %d", p)
	}
}
