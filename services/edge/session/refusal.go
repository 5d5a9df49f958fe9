package session

import (
	"fmt"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
)

// refusal is why a frame ends the session.
type refusal struct {
	reason   schema.Reason
	detail   string
	versions string // for the version header of a failed negotiation
}

// broken: the frame is no STOMP that this server speaks.
func broken(format string, args ...any) *refusal {
	return &refusal{reason: schema.ReasonProtocolError, detail: fmt.Sprintf(format, args...)}
}

// forbidden: the frame is sound, but what it asks for isn't to be had.
func forbidden(format string, args ...any) *refusal {
	return &refusal{reason: schema.ReasonPolicyViolation, detail: fmt.Sprintf(format, args...)}
}

// uncovered: the client's token doesn't allow it.
func (s *Session) uncovered(what, destination string) *refusal {
	return forbidden("the token does not allow to %s %q", what, destination)
}

// Fail ends the session from the server's side: with its first call one
// [Fail] action, then nothing more. The detail is told to the client;
// receiptID names the frame that was to blame, if one was.
func (s *Session) Fail(dst []Action, reason schema.Reason, detail, receiptID string) []Action {
	return s.refuse(dst, &refusal{reason: reason, detail: detail}, receiptID)
}

// Fault is Fail for what the transport found wrong.
func (s *Session) Fault(dst []Action, f transport.Fault) []Action {
	reason, detail := reasonOf(f.Cause), f.Cause.String()
	if f.Err != nil {
		detail = f.Err.Error()
	}
	if f.Cause == transport.Silent {
		detail = "nothing was heard in time"
		if s.state == AwaitingConnect {
			reason, detail = schema.ReasonPolicyViolation, "no CONNECT came in time"
		}
	}
	n := len(dst)
	dst = s.Fail(dst, reason, detail, "")
	if len(dst) > n && f.Cause == transport.Panic {
		fail := dst[n].(Fail)
		fail.Code = f.Code // connection_lost has none to send
		dst[n] = fail
	}
	return dst
}

func (s *Session) refuse(dst []Action, r *refusal, receiptID string) []Action {
	if s.state == Closing {
		return dst
	}
	end := EndingOf(r.reason)
	fail := Fail{Reason: r.reason, Code: end.Code, Retry: end.Retry, Detail: r.detail}
	pairs := []string{"message", string(r.reason), "retry", string(end.Retry), "content-type", "text/plain"}
	if receiptID != "" {
		pairs = append(pairs, "receipt-id", receiptID)
	}
	if r.versions != "" {
		pairs = append(pairs, "version", r.versions)
	}
	fail.Frame = stomp.AppendFrame(nil, s.version, stomp.Error, []byte(r.detail), pairs...)
	s.close()
	return append(dst, fail)
}

// Receipt is the RECEIPT frame for a receipt that an action asked for.
func (s *Session) Receipt(id string) []byte {
	return stomp.AppendFrame(nil, s.version, stomp.Receipt, nil, "receipt-id", id)
}
