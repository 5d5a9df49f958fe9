package schema

import (
	"encoding/json"
	"testing"
	"testing/quick"
	"time"
)

func TestTimeKeepsMilliseconds(t *testing.T) {
	property := func(ms uint64) bool {
		at := At(time.UnixMilli(int64(ms % 250_000_000_000_000)).In(time.FixedZone("x", 3600)))
		text, err := json.Marshal(at)
		if err != nil || len(text) != len(timeLayout)+2 {
			return false
		}
		var again, fromText Time
		return json.Unmarshal(text, &again) == nil && again == at &&
			fromText.UnmarshalText(text[1:len(text)-1]) == nil && fromText == at
	}
	if err := quick.Check(property, nil); err != nil {
		t.Fatal(err)
	}
}

func TestAtDropsWhatIsFiner(t *testing.T) {
	if got := At(testTime); got.Nanosecond() != 123_000_000 || got.Location() != time.UTC {
		t.Fatal(got)
	}
	if !(Time{}).IsZero() || At(testTime).IsZero() {
		t.Fatal("IsZero")
	}
}

func TestTimeRefuses(t *testing.T) {
	for _, text := range []string{`"2026-11-20"`, `"10:00"`, `1795168800`, `""`, `"2026-13-20T10:00:00Z"`} {
		at := At(testTime)
		if err := json.Unmarshal([]byte(text), &at); err == nil {
			t.Errorf("%s gave %v", text, at)
		}
	}
}

func TestReasonClean(t *testing.T) {
	for reason, codes := range map[Reason]map[int]bool{
		ReasonClientDisconnect: {1000: true, 0: true},
		ReasonClientClose:      {1000: true, 1001: false, 4000: false, 1005: false},
		ReasonConnectionLost:   {1006: false},
		ReasonHeartbeatTimeout: {1006: false, 1000: false},
		ReasonServerShutdown:   {1012: false},
		ReasonSlowConsumer:     {1013: false},
		ReasonEdgeLost:         {0: false},
		ReasonMaxSessionAge:    {1000: false},
		ReasonTokenExpired:     {1008: false},
		ReasonProtocolError:    {1002: false},
		ReasonTooLarge:         {1009: false},
		ReasonKicked:           {1008: true},
		ReasonSuperseded:       {1008: true},
		ReasonIdleTimeout:      {1000: true},
		ReasonPolicyViolation:  {1008: true},
		ReasonUnsubscribed:     {0: true},
	} {
		for code, want := range codes {
			if got := reason.Clean(code); got != want {
				t.Errorf("%s %d: %v", reason, code, got)
			}
		}
	}
}

func TestTopics(t *testing.T) {
	topics := Topics{Prefix: "staging."}
	specs := topics.All(12)
	names := map[string]TopicSpec{}
	for _, spec := range specs {
		names[spec.Name] = spec
	}
	if len(names) != 7 || names["staging.cluster.heartbeat"].Partitions != 1 || names["staging.rollcall.deadletter"].Partitions != 12 {
		t.Fatalf("%+v", specs)
	}
	for name, want := range map[string]map[string]string{
		topics.Lifecycle():     {"cleanup.policy": "delete", "retention.ms": "604800000"},
		topics.ChannelEvents(): {"cleanup.policy": "delete", "retention.ms": "604800000"},
		topics.PresenceState(): {"cleanup.policy": "compact"},
		topics.NotifierState(): {"cleanup.policy": "compact"},
		topics.Mailbox():       {"cleanup.policy": "delete", "retention.ms": "3600000"},
		topics.Heartbeat():     {"cleanup.policy": "delete", "retention.ms": "3600000"},
		topics.DeadLetter():    {"cleanup.policy": "delete", "retention.ms": "604800000"},
	} {
		got := names[name].Configs()
		if len(got) != len(want) {
			t.Errorf("%s: %v", name, got)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], v)
			}
		}
	}
}

func TestDedupeExempt(t *testing.T) {
	exempt := map[Type]bool{TypeLeaveDue: true, TypeEdgeExpired: true, TypeEdgeStarted: true, TypeOwnerStarted: true}
	for typ := range registry {
		if typ.DedupeExempt() != exempt[typ] {
			t.Errorf("%s: %v", typ, typ.DedupeExempt())
		}
	}
	if New("rollcall.unknown.v1") != nil {
		t.Error("an unknown type has data")
	}
}
