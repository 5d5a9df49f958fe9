package standalone

import (
	"strings"
	"testing"
)

func TestAnotherPartitionCountIsOneLine(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, options(dir)))
	o := options(dir)
	o.Partitions = 3
	expectRefusal(t, o, "has 2 partitions, want 3")
}

func TestTopicsThatMayNotBeMadeAreMissing(t *testing.T) {
	o := options("")
	o.CreateTopics = false
	expectRefusal(t, o, "does not exist")
}

func expectRefusal(t *testing.T, o Options, want string) {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	err = a.Start(t.Context())
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want one line with %q", err, want)
	}
}
