package e2e

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// world is a running pipeline as clients and readers of the log see it.
type world struct {
	near, far string // edges; the same one in a standalone
	presence  []string
	lifecycle *harness.Log
	channels  *harness.Log
}

// room is a name of the test's own.
func room(t *testing.T) string {
	return strings.NewReplacer("/", ".", "_", "-").Replace(t.Name())
}

// user is a name of the test's own: sessions of one user belong together.
func user(t *testing.T, name string) string {
	parts := strings.Split(t.Name(), "/")
	return name + " of " + parts[len(parts)-1]
}

// validate holds all that a client received against the schemas, and all it
// was told against itself.
func validate(t *testing.T, rooms ...*harness.Room) {
	t.Helper()
	for _, r := range rooms {
		r.Check()
		for _, body := range r.Raw() {
			if err := schemas.Delivered(body); err != nil {
				t.Errorf("received %s: %v", body, err)
			}
		}
	}
}

// once fails the test unless a room was told exactly one departure of a user,
// for the given reason.
func once(t *testing.T, r *harness.Room, user string, reason schema.Reason) {
	t.Helper()
	if n := r.Count("left", user); n != 1 {
		t.Errorf("told %d departures of %s: %v", n, user, r.Told())
	}
	for _, told := range r.Told() {
		if told.What == "left" && told.User == user && told.Reason != reason {
			t.Errorf("%s left for %s, want %s", user, told.Reason, reason)
		}
	}
}

// validRecords holds every record of the public topics against the schemas.
// What was thrown in is left out.
func validRecords(t *testing.T, logs ...*harness.Log) {
	t.Helper()
	for _, log := range logs {
		entries, seen := log.Entries(), 0
		for _, e := range entries {
			if string(e.Value) == thrownValue {
				continue
			}
			seen++
			if err := schemas.Event(e.Value); err != nil {
				t.Errorf("%s %d:%d isn't valid: %s\n%v", e.Topic, e.Partition, e.Offset, e.Value, err)
			}
			if e.Err != nil {
				t.Errorf("%s %d:%d isn't decoded: %v", e.Topic, e.Partition, e.Offset, e.Err)
			}
			validHeaders(t, e)
		}
		if seen == 0 {
			t.Errorf("%s is empty", log.Topic)
		}
	}
}

func validHeaders(t *testing.T, e harness.Entry) {
	t.Helper()
	headers := map[string]string{}
	for _, h := range e.Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers[schema.HeaderContentType] != schema.ContentType || headers[schema.HeaderUUID] != e.Event.ID {
		t.Errorf("%s %d:%d has the headers %v, its id is %s", e.Topic, e.Partition, e.Offset, headers, e.Event.ID)
	}
}
