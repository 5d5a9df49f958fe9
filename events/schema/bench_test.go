package schema

import (
	"testing"
	"time"
)

func benchmarkEvents() map[string]any {
	ref := Ref{Session: "01KAG2Q6Z8W5T0M3N4P5Q6R7S8", User: "alice", Edge: "edge-0", Epoch: 41}
	at := At(time.Date(2026, 11, 20, 10, 0, 0, 123e6, time.UTC))
	return map[string]any{
		"connected": &SessionConnected{Ref: ref, Protocol: "stomp/1.2+websocket", RemoteAddr: "203.0.113.7:51812",
			UserAgent: "Mozilla/5.0", Meta: Meta{"color": "teal"}, ConnectedAt: at},
		"disconnected": &SessionDisconnected{Ref: ref, Reason: ReasonConnectionLost, Initiator: InitiatorNetwork,
			CloseCode: 1006, DurationMS: 181877, FramesIn: 4, FramesOut: 31, BytesIn: 412, BytesOut: 5120},
		"left": &PresenceLeft{Channel: "room.1", User: "alice", Reason: ReasonConnectionLost,
			Initiator: InitiatorNetwork, Since: at, LastSeen: at},
		"published": &MessagePublished{Channel: "room.1", User: "alice", Session: ref.Session, Edge: ref.Edge,
			Epoch: 41, ContentType: "text/plain", Body: "hello, is there anybody out there?"},
	}
}

var benchmarkTypes = map[string]Type{"connected": TypeSessionConnected, "disconnected": TypeSessionDisconnected,
	"left": TypePresenceLeft, "published": TypeMessagePublished}

var benchmarkStamp = Stamp{Source: "/edges/edge-0/41", Sequence: Sequence{Offset: 1042}}

func BenchmarkEncode(b *testing.B) {
	for name, data := range benchmarkEvents() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			at := At(time.Now())
			for b.Loop() {
				if _, _, err := Encode(benchmarkTypes[name], "alice", at, benchmarkStamp, TopicLifecycle, 7, data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, data := range benchmarkEvents() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			_, value, err := Encode(benchmarkTypes[name], "alice", At(time.Now()), benchmarkStamp, TopicLifecycle, 7, data)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(value)))
			for b.Loop() {
				if _, _, err := Decode(value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
