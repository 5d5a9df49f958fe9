package session_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
)

func TestConnect(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"1.2", "CONNECT\naccept-version:1.0,1.1,1.2\nlogin:alice\nheart-beat:5000,20000\n\n^", `Connect "alice" 1.2 map[] {20s 10s}`},
		{"STOMP, 1.1", "STOMP\naccept-version:1.1\nhost:x\nlogin:alice\n\n^", `Connect "alice" 1.1 map[] {0s 0s}`},
		{"1.0 has no heart-beats", "CONNECT\nlogin: alice \nheart-beat:1,1\n\n^", `Connect "alice" 1.0 map[] {0s 0s}`},
		{"no heart-beats wanted", "CONNECT\naccept-version:1.2\nlogin:alice\nheart-beat:0,0\n\n^", `Connect "alice" 1.2 map[] {0s 0s}`},
		{"one way", "CONNECT\naccept-version:1.2\nlogin:alice\nheart-beat:0,1000\n\n^", `Connect "alice" 1.2 map[] {10s 0s}`},
		{"meta", "CONNECT\naccept-version:1.2\nlogin:zoë\npasscode:p\nAuthorization:Bearer b\nmeta-name:A\\b: c\nmeta-name:other\nmeta-:x\nmeta-passcode:q\nmeta-Authorization:w\nother:x\n\n^",
			`Connect "zoë" 1.2 map[name:A\b: c] {0s 0s}`},
		{"heart-beats before it", "\n\r\n\nCONNECT\naccept-version:1.2\nlogin:alice\n\n^\n", `Connect "alice" 1.2 map[] {0s 0s}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, config())
			if got := show(c.feed(tt.in)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestCredentialsAreHiddenAndNoUserIsTaken(t *testing.T) {
	cfg := config()
	cfg.LoginIsUser = false
	c := newClient(t, cfg)
	connect := c.feed("CONNECT\naccept-version:1.2\nlogin:alice\npasscode:s3cret\nauthorization:Bearer b\n\n^")[0].(session.Connect)
	want := session.Credentials{Login: "alice", Passcode: "s3cret", Authorization: "Bearer b"}
	if connect.User != "" || connect.Credentials != want {
		t.Errorf("got %+v", connect)
	}
	if text := fmt.Sprintf("%v %+v", connect, connect.Credentials.LogValue()); strings.Contains(text, "s3cret") {
		t.Errorf("a credential shows in %q", text)
	}
}

func TestAccept(t *testing.T) {
	c := newClient(t, config())
	if got := c.s.Accept(nil, "S1", "alice", grant.Everything()); len(got) != 0 {
		t.Errorf("Accept before CONNECT: %s", show(got))
	}
	c.feed("CONNECT\naccept-version:1.1,1.2\nlogin:alice\nheart-beat:0,5000\n\n^")
	got := show(c.s.Accept(nil, "S1", "alice", grant.Everything()))
	want := `Reply "CONNECTED\nversion:1.2\nsession:S1\nserver:rollcall/1\nheart-beat:10000,0\nuser-name:alice\n\n^"`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := c.s.Accept(nil, "S2", "alice", grant.Everything()); len(got) != 0 {
		t.Errorf("second Accept: %s", show(got))
	}
}

func TestNoBackslashInConnected(t *testing.T) {
	c := newClient(t, config())
	c.feed("CONNECT\naccept-version:1.2\nlogin:a\\b\n\n^")
	if got := show(c.s.Accept(nil, "S1", `a\b`, grant.Everything())); strings.Contains(got, "user-name") {
		t.Errorf("got %s", got)
	}
}

// A client that doesn't wait for CONNECTED finds its frames done in order.
func TestInputWaitsForAccept(t *testing.T) {
	c := newClient(t, config())
	c.feed("CONNECT\naccept-version:1.2\nlogin:alice\n\n^SUBSCRIBE\nid:1\ndest")
	if got := c.feed("ination:/topic/a\n\n^SEND\ndestination:/topic/a\n\nhi^"); len(got) != 0 {
		t.Fatalf("while connecting: %s", show(got))
	}
	got := c.s.Accept(nil, "S1", "alice", grant.Everything())
	if len(got) != 3 {
		t.Fatalf("got %s", show(got))
	}
	want := "Subscribe {Subscription:{ID:1 Destination:/topic/a Channel:a Role:member} Receipt:}\n" +
		`Publish a text/plain "hi" receipt ""`
	if show(got[1:]) != want {
		t.Errorf("got  %s\nwant %s", show(got[1:]), want)
	}
}

func TestWaitingInputIsBounded(t *testing.T) {
	c := newClient(t, config())
	c.feed("CONNECT\naccept-version:1.2\nlogin:alice\n\n^")
	c.feed(strings.Repeat("\n", 40<<10))
	checkFail(t, c.s, c.feed(strings.Repeat("\n", 40<<10)), policy, "before CONNECTED")
}

func TestSubscriptions(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	got := show(c.feed("SUBSCRIBE\nid:1\ndestination:/topic/room.1\nack:auto\nreceipt:r1\n\n^" +
		"SUBSCRIBE\nid:2\ndestination:/watch/a\\cb\n\n^\n" +
		"SUBSCRIBE\nid:3\ndestination:/presence/zo%C3%AB%2Fx+y\n\n^" +
		"SUBSCRIBE\nid:4\ndestination:/user/queue/session\n\n^" +
		"SUBSCRIBE\nid:5\ndestination:/user/queue/messages\n\n^"))
	want := `Subscribe {Subscription:{ID:1 Destination:/topic/room.1 Channel:room.1 Role:member} Receipt:r1}
Subscribe {Subscription:{ID:2 Destination:/watch/a:b Channel:a:b Role:watcher} Receipt:}
Subscribe {Subscription:{ID:3 Destination:/presence/zo%C3%AB%2Fx+y Channel:@zoë/x+y Role:watcher} Receipt:}
Subscribe {Subscription:{ID:4 Destination:/user/queue/session Channel: Role:} Receipt:}
Subscribe {Subscription:{ID:5 Destination:/user/queue/messages Channel: Role:} Receipt:}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n := len(c.s.Subscriptions()); n != 5 {
		t.Errorf("%d subscriptions", n)
	}
	got = show(c.feed("UNSUBSCRIBE\nid:1\nreceipt:r2\n\n^UNSUBSCRIBE\nid:1\nreceipt:r3\n\n^"))
	want = "Unsubscribe {Subscription:{ID:1 Destination:/topic/room.1 Channel:room.1 Role:member} Receipt:r2}\n" +
		`Reply "RECEIPT\nreceipt-id:r3\n\n^"`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !c.s.Drop("2") || c.s.Drop("2") || len(c.s.Subscriptions()) != 3 {
		t.Errorf("after Drop: %v", c.s.Subscriptions())
	}
}

// In 1.0 the destination stands for an id that isn't there.
func TestSubscriptionsOfOldClients(t *testing.T) {
	c := newClient(t, config()).live("1.0")
	c.feed("SUBSCRIBE\ndestination: /topic/a\n\n^SUBSCRIBE\nid:7\ndestination:/topic/b\n\n^")
	if got := c.s.Subscriptions(); len(got) != 2 || got[0].ID != "/topic/a" || got[1].ID != "7" {
		t.Fatalf("got %v", got)
	}
	got := show(c.feed("UNSUBSCRIBE\ndestination:/topic/b\n\n^UNSUBSCRIBE\ndestination:/topic/a\n\n^"))
	if strings.Count(got, "Unsubscribe") != 2 || len(c.s.Subscriptions()) != 0 {
		t.Errorf("got %s", got)
	}
}

func TestSubscriptionLimit(t *testing.T) {
	cfg := config()
	cfg.MaxSubscriptions = 2
	c := newClient(t, cfg).live("1.2")
	c.feed("SUBSCRIBE\nid:1\ndestination:/topic/a\n\n^SUBSCRIBE\nid:2\ndestination:/topic/a\n\n^")
	checkFail(t, c.s, c.feed("SUBSCRIBE\nid:3\ndestination:/topic/a\n\n^"), policy, "may have 2 subscriptions")
}

func TestSend(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	data := []byte("SEND\ndestination:/topic/a\ncontent-type:application/json\ncontent-length:4\nreceipt:9\n\n{\"\x00}\x00" +
		"SEND\ndestination:/topic/a\n\n\x00")
	got := c.s.Feed(nil, data)
	clear(data) // what was given out owns its memory
	want := `Publish a application/json "{\"^}" receipt "9"` + "\n" + `Publish a text/plain "" receipt ""`
	if show(got) != want {
		t.Errorf("got  %s\nwant %s", show(got), want)
	}
}

func TestUpdate(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	for in, want := range map[string]session.Update{
		`{"meta":{"color":"teal","Passcode":"p","authorization":"a"},"status":"away"}`: {Meta: schema.Meta{"color": "teal"}, Status: new("away")},
		`{"meta":{}}`:              {Meta: schema.Meta{}},
		`{"status":""}`:            {Status: new("")},
		`{"meta":null} `:           {},
		`{"meta":{"passcode":""}}`: {Meta: schema.Meta{}},
	} {
		want.Receipt = "9"
		got := c.feed("SEND\ndestination:/app/session/meta\nreceipt:9\n\n" + in + "^")
		if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: got %s, want %+v", in, show(got), want)
		}
	}
}

func TestDisconnectEndsInput(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	got := show(c.feed("DISCONNECT\nreceipt:77\n\n^SEND\ndestination:/topic/a\n\nlate^"))
	if got != "Disconnect {Receipt:77}" || c.s.State() != session.Closing {
		t.Errorf("got %s, state %d", got, c.s.State())
	}
	if f := readFrame(t, stomp.V12, c.s.Receipt("77")); f.Command != stomp.Receipt || f.Text("receipt-id") != "77" {
		t.Errorf("receipt is %s", describeFrame(f))
	}
}

func describeFrame(f *stomp.Frame) string { return fmt.Sprintf("%s %q", f.Command, f.Headers) }

// ACK of a message under ack:auto is needless, and no error.
func TestAckIsNeedless(t *testing.T) {
	for version, ack := range map[string]string{
		"1.0": "ACK\nmessage-id:1\nreceipt:a\n\n^",
		"1.1": "ACK\nmessage-id:1\nsubscription:0\nreceipt:a\n\n^",
		"1.2": "ACK\nid:1\nsubscription:0\nreceipt:a\n\n^",
	} {
		c := newClient(t, config()).live(version)
		if got := show(c.feed(ack)); got != `Reply "RECEIPT\nreceipt-id:a\n\n^"` {
			t.Errorf("%s: got %s", version, got)
		}
	}
}

func TestServerEndsSession(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	checkFail(t, c.s, c.s.Fail(nil, schema.ReasonServerShutdown, "the server restarts", ""), schema.ReasonServerShutdown, "restarts")
}

func TestHeartBeatOff(t *testing.T) {
	cfg := config()
	cfg.HeartBeat = 0
	c := newClient(t, cfg)
	got := c.feed("CONNECT\naccept-version:1.2\nlogin:a\nheart-beat:1000,1000\n\n^")[0].(session.Connect)
	if got.HeartBeat != (session.HeartBeat{}) {
		t.Errorf("got %v", got.HeartBeat)
	}
	if text := show(c.s.Accept(nil, "S", "a", grant.Everything())); !strings.Contains(text, `heart-beat:0,0\n`) {
		t.Errorf("got %s", text)
	}
}

// The longest that is legal: an id as bounded, a user who must be encoded
// throughout, and with 1.0 the destination in the place of the id.
func TestLongestSubscriptions(t *testing.T) {
	user := strings.Repeat("/", schema.MaxUserLen)
	destination := "/presence/" + strings.Repeat("%2F", schema.MaxUserLen)
	for version, id := range map[string]string{"1.2": strings.Repeat("é", session.MaxSubscriptionID/2), "1.0": ""} {
		frame := "SUBSCRIBE\ndestination:" + destination + "\n"
		if id != "" {
			frame += "id:" + id + "\n"
		}
		acts := newClient(t, config()).live(version).feed(frame + "\n^")
		if len(acts) != 1 {
			t.Fatalf("%s: %s", version, show(acts))
		}
		if sub, ok := acts[0].(session.Subscribe); !ok || sub.Channel != schema.Personal(user) || id != "" && sub.ID != id {
			t.Errorf("%s: %s", version, show(acts))
		}
	}
}
