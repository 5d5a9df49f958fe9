package chaos

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"rollcall.dev/test/oracle"
)

func TestATapeIsReadAsItWasWritten(t *testing.T) {
	h := oracle.History{Config: config(time.Now().Round(0)),
		Facts: []oracle.Fact{{At: 1, Kind: oracle.Frame, Conn: "a", Body: []byte("\x00text")}, {At: 2, Kind: oracle.Quiet}},
		Log:   []oracle.Record{{At: 3, Topic: "session.lifecycle", Partition: 1, Offset: 7, Value: []byte("{}")}}}
	path := filepath.Join(t.TempDir(), "history.jsonl.gz")
	if err := Save(path, h); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Origin.Equal(h.Origin) {
		t.Errorf("origin %v, want %v", got.Origin, h.Origin)
	}
	got.Origin = h.Origin
	if !reflect.DeepEqual(got, h) {
		t.Errorf("got %+v, want %+v", got, h)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that isn't there was read")
	}
}
