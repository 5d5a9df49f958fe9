package session

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"rollcall.dev/services/edge/stomp"
)

// send publishes to a channel, or speaks to the edge. The frame's limit bounds
// the body; it becomes a JSON string in the event and must be text.
func (s *Session) send(f *stomp.Frame) (Action, *refusal) {
	destination, err := need(f, "destination")
	if err != nil {
		return nil, err
	}
	if err := noTransaction(f); err != nil {
		return nil, err
	}
	switch destination {
	case metaDestination:
		return s.update(f)
	case refreshDestination:
		return s.refresh(f)
	}
	if !strings.HasPrefix(destination, topicPrefix) {
		return nil, forbidden("destination %q: messages are sent to /topic/{channel}; %s takes meta and status, %s a new token",
			destination, metaDestination, refreshDestination)
	}
	channel, err := clientChannel(destination, topicPrefix)
	if err != nil {
		return nil, err
	}
	if !s.may.MaySend(channel) {
		return nil, s.uncovered("send to", destination)
	}
	contentType := "text/plain"
	if _, ok := f.Get("content-type"); ok {
		if contentType, err = need(f, "content-type"); err != nil {
			return nil, err
		}
	}
	if !utf8.Valid(f.Body) {
		return nil, broken("the body of SEND is not UTF-8")
	}
	return Publish{Channel: channel, ContentType: contentType, Body: bytes.Clone(f.Body), Receipt: f.Text("receipt")}, nil
}
