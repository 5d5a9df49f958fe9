package session

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/stomp"
)

// metaPrefix begins the headers of CONNECT that become the session's meta.
const metaPrefix = "meta-"

func (s *Session) connect(f *stomp.Frame) (Action, *refusal) {
	if f.Command != stomp.Connect && f.Command != stomp.Stomp {
		return nil, broken("the first frame must be CONNECT, not %s", f.Command)
	}
	if err := s.negotiate(f); err != nil {
		return nil, err
	}
	c := Connect{Version: s.version, Credentials: Credentials{
		Login: f.Text("login"), Passcode: f.Text("passcode"), Authorization: authorization(f),
	}}
	var err *refusal
	if s.beats, err = s.heartBeat(f); err != nil {
		return nil, err
	}
	c.HeartBeat = s.beats
	if c.Meta, err = s.meta(f); err != nil {
		return nil, err
	}
	if s.cfg.LoginIsUser {
		if err := checkLogin(f); err != nil {
			return nil, err
		}
		c.User = c.Credentials.Login
	}
	s.state = Connecting
	return c, nil
}

// negotiate settles the version. A client that doesn't say speaks 1.0.
func (s *Session) negotiate(f *stomp.Frame) *refusal {
	accept, ok := f.Get("accept-version")
	if !ok {
		return nil
	}
	version, ok := stomp.Negotiate(accept)
	if !ok {
		return &refusal{
			reason:   schema.ReasonProtocolError,
			detail:   "no common version: supported are " + stomp.Versions,
			versions: stomp.Versions,
		}
	}
	s.version = version
	s.parser.SetVersion(version)
	return nil
}

// authorization is the header of any case, as HTTP clients write it.
func authorization(f *stomp.Frame) string {
	for _, h := range f.Headers {
		if bytes.EqualFold(h.Name, []byte("authorization")) {
			return string(h.Value)
		}
	}
	return ""
}

func checkLogin(f *stomp.Frame) *refusal {
	login, ok := f.Get("login")
	if !ok {
		return forbidden("CONNECT needs a header login: it names the user")
	}
	if err := schema.CheckUser(string(login)); err != nil {
		return forbidden("header login: %v", err)
	}
	return nil
}

// meta collects the meta- headers; of repeated ones the first counts.
func (s *Session) meta(f *stomp.Frame) (schema.Meta, *refusal) {
	var meta schema.Meta
	size := 0
	for _, h := range f.Headers {
		name, ok := bytes.CutPrefix(h.Name, []byte(metaPrefix))
		if !ok || len(name) == 0 || secret(name) {
			continue
		}
		if _, repeated := meta[string(name)]; repeated {
			continue
		}
		if !utf8.Valid(name) || !utf8.Valid(h.Value) {
			return nil, broken("header %q of CONNECT is not UTF-8", h.Name)
		}
		if size += len(name) + len(h.Value); size > s.cfg.MaxMeta {
			return nil, forbidden("the meta- headers hold more than %d bytes", s.cfg.MaxMeta)
		}
		if meta == nil {
			meta = schema.Meta{}
		}
		meta[string(name)] = string(h.Value)
	}
	return meta, nil
}

// secret reports whether a name is that of a credential, which must not reach
// an event even if a client asks for it.
func secret(name []byte) bool {
	return bytes.EqualFold(name, []byte("passcode")) || bytes.EqualFold(name, []byte("authorization"))
}

// Accept admits the client under a session id, as a user and with what that
// user may do: a [Reply] with CONNECTED, then what the client has sent
// meanwhile. Only in Connecting.
func (s *Session) Accept(dst []Action, id, user string, may grant.Grant) []Action {
	if s.state != Connecting {
		return dst
	}
	s.state, s.may = Live, may
	pairs := []string{"version", s.version.String(), "session", id, "server", s.cfg.Server,
		"heart-beat", s.offer()}
	// CONNECTED isn't escaped, but Spring's client unescapes it: a backslash
	// would break it, and the client knows who it is.
	if !strings.Contains(user, `\`) {
		pairs = append(pairs, "user-name", user)
	}
	dst = append(dst, Reply{Frame: stomp.AppendFrame(nil, s.version, stomp.Connected, nil, pairs...)})
	return s.run(dst)
}
