package session

import (
	"strconv"
	"strings"
	"time"

	"rollcall.dev/services/edge/stomp"
)

// heartBeat negotiates "cx,cy" of the client against what the server offers:
// each direction gets the larger interval of the two, none if either side has
// none. A client that doesn't ask, and any of 1.0, has none.
func (s *Session) heartBeat(f *stomp.Frame) (HeartBeat, *refusal) {
	text, ok := f.Get("heart-beat")
	if !ok || s.version == stomp.V10 {
		return HeartBeat{}, nil
	}
	sends, wants, found := strings.Cut(string(text), ",")
	clientSends, ok1 := milliseconds(sends)
	clientWants, ok2 := milliseconds(wants)
	if !found || !ok1 || !ok2 {
		return HeartBeat{}, broken("header heart-beat %q is not two numbers of milliseconds", text)
	}
	return HeartBeat{Send: agree(s.cfg.HeartBeat, clientWants), Receive: agree(clientSends, s.cfg.HeartBeat)}, nil
}

func agree(sends, wants time.Duration) time.Duration {
	if sends == 0 || wants == 0 {
		return 0
	}
	return max(sends, wants)
}

func milliseconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return time.Duration(n) * time.Millisecond, err == nil
}

// offer is the server's own heart-beat header: a direction that the client has
// ruled out is 0. Some clients (go-stomp) take the numbers for agreed ones and
// would wait for heart-beats that they asked not to get.
func (s *Session) offer() string {
	return s.offered(s.beats.Send) + "," + s.offered(s.beats.Receive)
}

func (s *Session) offered(agreed time.Duration) string {
	if agreed == 0 {
		return "0"
	}
	return strconv.FormatInt(s.cfg.HeartBeat.Milliseconds(), 10)
}
