package session

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/stomp"
)

// metaDestination takes what a client says about itself from now on:
//
//	{"meta":{"color":"teal"},"status":"away"}
//
// What isn't named stays; {} and "" take it away.
const metaDestination = "/app/session/meta"

// maxStatus bounds a status, in bytes.
const maxStatus = 256

func (s *Session) update(f *stomp.Frame) (Action, *refusal) {
	var said struct {
		Meta   *schema.Meta `json:"meta"`
		Status *string      `json:"status"`
	}
	if !utf8.Valid(f.Body) {
		return nil, broken("the body of SEND is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(f.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil || decoder.More() {
		return nil, broken(`%s takes one JSON object with "meta", an object of strings, and "status", a string`, metaDestination)
	}
	update := Update{Status: said.Status, Receipt: f.Text("receipt")}
	if said.Status != nil && len(*said.Status) > maxStatus {
		return nil, forbidden("the status has %d bytes, at most %d are allowed", len(*said.Status), maxStatus)
	}
	if said.Meta != nil {
		update.Meta = schema.Meta{}
		size := 0
		for name, value := range *said.Meta {
			if secret([]byte(name)) {
				continue
			}
			if size += len(name) + len(value); size > s.cfg.MaxMeta {
				return nil, forbidden("meta holds more than %d bytes", s.cfg.MaxMeta)
			}
			update.Meta[name] = value
		}
	}
	return update, nil
}
