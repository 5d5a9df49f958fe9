package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Decode reads one record's value. An error other than *UnknownTypeError means
// that it isn't a CloudEvents 1.0 object or that its data don't fit its type.
// The returned data are a pointer to the type's struct. Nothing that is
// returned shares memory with value.
func Decode(value []byte) (Event, any, error) {
	if ev, ok := splitCanonical(value); ok {
		if data, err := DecodeData(ev.Type, ev.Data); err == nil {
			ev.Data = bytes.Clone(ev.Data)
			return ev, data, nil
		}
		// Whatever is wrong with it, the general way says it best.
	}
	return decodeAny(value)
}

// decodeAny reads every JSON form of an event: what other writers may make of
// it, and what isn't one.
func decodeAny(value []byte) (Event, any, error) {
	var ev Event
	if err := json.Unmarshal(value, &ev); err != nil {
		return ev, nil, fmt.Errorf("decode event: %w", err)
	}
	if err := ev.check(); err != nil {
		return ev, nil, fmt.Errorf("decode event: %w", err)
	}
	data, err := DecodeData(ev.Type, ev.Data)
	return ev, data, err
}

func (e *Event) check() error {
	switch {
	case e.SpecVersion != specVersion:
		return fmt.Errorf("specversion %q, want %s", e.SpecVersion, specVersion)
	case e.ID == "":
		return errors.New("id is missing")
	case e.Source == "":
		return errors.New("source is missing")
	case e.Type == "":
		return errors.New("type is missing")
	}
	return nil
}

// DecodeData reads an event's data into the struct of its type and checks what
// every reader relies on (names, required fields).
func DecodeData(t Type, raw json.RawMessage) (any, error) {
	data := New(t)
	if data == nil {
		return nil, &UnknownTypeError{Type: t}
	}
	if err := json.Unmarshal(raw, data); err != nil {
		return nil, fmt.Errorf("decode data of %s: %w", t, err)
	}
	if c, ok := data.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("decode data of %s: %w", t, err)
		}
	}
	return data, nil
}

// splitCanonical takes an event apart that is in exactly the form which Encode
// writes, without looking into its data: so these are read once, not three
// times as by encoding/json, which is most of what a task does per record.
//
// It isn't wrong about any value: what follows "data": up to the last brace is
// one JSON object, or DecodeData refuses it and decodeAny has the last word.
// Data shares memory with value.
func splitCanonical(value []byte) (Event, bool) {
	head, data, ok := bytes.Cut(value, []byte(keyData))
	if !ok {
		return Event{}, false
	}
	if len(data) < 3 || data[0] != '{' || data[len(data)-1] != '}' || data[len(data)-2] != '}' {
		return Event{}, false
	}
	c := cutter{rest: string(head), ok: true}
	ev := Event{SpecVersion: specVersion, Data: json.RawMessage(data[:len(data)-1])}
	c.skip(keyID)
	ev.ID = c.text()
	c.skip(keySource)
	ev.Source = c.text()
	c.skip(keyType)
	ev.Type = Type(c.text())
	if strings.HasPrefix(c.rest, keySubject) {
		c.skip(keySubject)
		ev.Subject = c.text()
	}
	c.skip(keyTime)
	if ev.Time.UnmarshalText([]byte(c.text())) != nil {
		return Event{}, false
	}
	c.skip(keySequence)
	if ev.Sequence.UnmarshalText([]byte(c.text())) != nil {
		return Event{}, false
	}
	return ev, c.ok && c.rest == "" && ev.check() == nil
}

// cutter takes known keys and plain strings off the front of a text. ok turns
// false, and stays so, at the first thing that is something else.
type cutter struct {
	rest string
	ok   bool
}

func (c *cutter) skip(key string) {
	rest, ok := strings.CutPrefix(c.rest, key)
	c.rest, c.ok = rest, c.ok && ok
}

// text takes a JSON string up to and with its closing quote. Strings with
// escapes aren't plain.
func (c *cutter) text() string {
	ascii := true
	for i := 0; i < len(c.rest); i++ {
		switch b := c.rest[i]; {
		case b == '"':
			text := c.rest[:i]
			c.rest = c.rest[i+1:]
			c.ok = c.ok && (ascii || utf8.ValidString(text))
			return text
		case b < 0x20 || b == '\\':
			c.ok = false
			return ""
		case b >= utf8.RuneSelf:
			ascii = false
		}
	}
	c.ok = false
	return ""
}
