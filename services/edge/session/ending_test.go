package session_test

import (
	"errors"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/transport"
)

// Every reason of a session's end has a code, a hint and an initiator, as the
// design says; the reason of a membership alone has none.
func TestEndings(t *testing.T) {
	codes := map[schema.Reason]int{
		schema.ReasonClientDisconnect: 1000, schema.ReasonClientClose: 1000, schema.ReasonConnectionLost: 1006,
		schema.ReasonHeartbeatTimeout: 1008, schema.ReasonIdleTimeout: 1008, schema.ReasonMaxSessionAge: 1008,
		schema.ReasonTokenExpired: 1008, schema.ReasonKicked: 1008, schema.ReasonSuperseded: 1008,
		schema.ReasonPolicyViolation: 1008, schema.ReasonProtocolError: 1002, schema.ReasonTooLarge: 1009,
		schema.ReasonSlowConsumer: 1013, schema.ReasonServerShutdown: 1012, schema.ReasonEdgeLost: 1006,
	}
	for reason, code := range codes {
		e := session.EndingOf(reason)
		if e.Code != code || e.Retry == "" || e.Initiator == "" {
			t.Errorf("%s: %+v, want code %d", reason, e, code)
		}
	}
	for _, reason := range []schema.Reason{schema.ReasonKicked, schema.ReasonProtocolError, schema.ReasonPolicyViolation} {
		if got := session.EndingOf(reason).Retry; got != session.RetryNever {
			t.Errorf("%s: retry %s would make a client loop", reason, got)
		}
	}
	if e := session.EndingOf(schema.ReasonUnsubscribed); e != (session.Ending{}) {
		t.Errorf("unsubscribed ends no session, yet has %+v", e)
	}
}

func TestReasonOf(t *testing.T) {
	for cause, want := range map[transport.Cause]schema.Reason{
		transport.Peer: schema.ReasonClientClose, transport.Lost: schema.ReasonConnectionLost,
		transport.Silent: schema.ReasonHeartbeatTimeout, transport.TooLarge: schema.ReasonTooLarge,
		transport.Violation: schema.ReasonProtocolError, transport.Slow: schema.ReasonSlowConsumer,
		transport.Local: schema.ReasonServerShutdown, transport.Panic: schema.ReasonConnectionLost,
	} {
		if got := session.ReasonOf(transport.End{Cause: cause}); got != want {
			t.Errorf("%s: %s, want %s", cause, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	tests := []struct {
		fault  transport.Fault
		live   bool
		reason schema.Reason
		detail string
	}{
		{transport.Fault{Cause: transport.Silent}, false, schema.ReasonPolicyViolation, "no CONNECT came in time"},
		{transport.Fault{Cause: transport.Silent}, true, schema.ReasonHeartbeatTimeout, "nothing was heard"},
		{transport.Fault{Cause: transport.TooLarge, Err: errors.New("too big")}, true, schema.ReasonTooLarge, "too big"},
		{transport.Fault{Cause: transport.Violation}, true, schema.ReasonProtocolError, "violation"},
		{transport.Fault{Cause: transport.Slow}, true, schema.ReasonSlowConsumer, "slow"},
	}
	for _, tt := range tests {
		c := newClient(t, config())
		if tt.live {
			c.live("1.2")
		}
		checkFail(t, c.s, c.s.Fault(nil, tt.fault), tt.reason, tt.detail)
	}
	c := newClient(t, config()).live("1.2")
	acts := c.s.Fault(nil, transport.Fault{Cause: transport.Panic, Code: 1011})
	if fail := acts[0].(session.Fail); fail.Code != 1011 || fail.Reason != schema.ReasonConnectionLost {
		t.Errorf("got %s", show(acts))
	}
	if more := c.s.Fault(nil, transport.Fault{Cause: transport.Panic, Code: 1011}); len(more) != 0 {
		t.Errorf("second fault: %s", show(more))
	}
}
