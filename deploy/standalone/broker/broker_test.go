package broker

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

// childDir names the directory in which this test binary, started by itself,
// plays a process that is killed.
const childDir = "BROKER_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
	}
	leakcheck.Main(m)
}

const limit = 30 * time.Second

func start(t *testing.T, dir string) *Broker {
	t.Helper()
	b := New(Options{Listen: "127.0.0.1:0", DataDir: dir})
	if err := b.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, b) })
	return b
}

func stop(t *testing.T, b *Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, b *Broker) *bus.Client {
	t.Helper()
	c, err := bus.Open(bus.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// write appends records 0 to n-1, acknowledged.
func write(ctx context.Context, c *bus.Client, topic string, n int) error {
	p := c.NewProducer(bus.ProducerConfig{})
	for i := range n {
		rec := bus.Record{Topic: topic, Partition: 0, Key: []byte("key"), Value: fmt.Appendf(nil, "value %d", i)}
		if _, err := p.PublishWait(ctx, rec); err != nil {
			return err
		}
	}
	return p.Close(ctx)
}

func read(t *testing.T, c *bus.Client, topic string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	first, next, err := c.Offsets(ctx, topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := c.NewReader(bus.ReaderConfig{Topic: topic, Start: first})
	var values []string
	for first < next {
		batch, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range batch.Records {
			values = append(values, string(rec.Value))
		}
		first = batch.Next
	}
	return values
}

func expectValues(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n || n > 0 && (got[0] != "value 0" || got[n-1] != fmt.Sprintf("value %d", n-1)) {
		t.Fatalf("%d values %q, want %d", len(got), got, n)
	}
}

var events = bus.Topic{Name: "events", Partitions: 1, Replication: 1}

func TestStressOfStartAndStop(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service { return New(Options{Listen: "127.0.0.1:0"}) })
}

func TestARestartKeepsTheLogAndTheOffsetsOfGroups(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "it")
	b := start(t, dir)
	c := connect(t, b)
	if err := c.EnsureTopics(t.Context(), true, events); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), c, "events", 10); err != nil {
		t.Fatal(err)
	}
	if from := consume(t, c, 7); from != 0 {
		t.Fatalf("the group starts at %d, want 0", from)
	}
	stop(t, b)

	c = connect(t, start(t, dir))
	expectValues(t, read(t, c, "events"), 10)
	if from := consume(t, c, 7); from != 7 {
		t.Fatalf("the group goes on at %d, want 7", from)
	}
}

// consume joins a group, commits an offset, leaves, and returns where it began.
func consume(t *testing.T, c *bus.Client, commit int64) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	from := int64(-1)
	err := c.RunGroup(ctx, bus.GroupConfig{Group: "group", Topics: []string{"events"}}, func(claimed context.Context, cl *bus.Claim) error {
		from = cl.Start
		if err := cl.Commit(commit); err != nil {
			return err
		}
		cancel()
		<-claimed.Done()
		return nil
	})
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return from
}

func TestInMemoryBeginsEmpty(t *testing.T) {
	c := connect(t, start(t, ""))
	if err := c.EnsureTopics(t.Context(), true, events); err != nil {
		t.Fatal(err)
	}
	expectValues(t, read(t, c, "events"), 0)
}

func TestNoTopicAppearsByItself(t *testing.T) {
	c := connect(t, start(t, ""))
	if n, err := c.Partitions(t.Context(), "events"); err == nil {
		t.Fatalf("the topic has %d partitions, want none", n)
	}
}

func TestCompactionKeepsTheLastOfAKey(t *testing.T) {
	dir := t.TempDir()
	b := start(t, dir)
	c := connect(t, b)
	state := bus.Topic{Name: "state", Partitions: 1, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	if err := c.EnsureTopics(t.Context(), true, state); err != nil {
		t.Fatal(err)
	}
	if err := write(t.Context(), c, "state", 5); err != nil {
		t.Fatal(err)
	}
	b.cluster.Compact()
	last := func(values []string) bool { return len(values) < 5 && values[len(values)-1] == "value 4" }
	if values := read(t, c, "state"); !last(values) {
		t.Fatalf("after compaction: %q", values)
	}
	stop(t, b)
	if values := read(t, connect(t, start(t, dir)), "state"); !last(values) {
		t.Fatalf("after a restart: %q", values)
	}
}

func TestAKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	killed(t, dir)
	c := connect(t, start(t, dir))
	values := read(t, c, "events")
	expectValues(t, values, len(values))
	if len(values) < 100 {
		t.Fatalf("%d records are left, 100 were acknowledged", len(values))
	}
	if err := write(t.Context(), c, "events", 1); err != nil {
		t.Fatal(err)
	}
}

// killed runs a process that writes to the log and kills it while it does.
func killed(t *testing.T, dir string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its error is the kill
	if line != "100 acknowledged\n" {
		t.Fatalf("the child said %q", line)
	}
}

// child writes 100 records, says so, and goes on until it is killed.
func child(dir string) {
	ctx := context.Background()
	b := New(Options{Listen: "127.0.0.1:0", DataDir: dir})
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fail(b.Start(ctx))
	c, err := bus.Open(bus.Config{Brokers: []string{b.Addr()}})
	fail(err)
	fail(c.EnsureTopics(ctx, true, events))
	p := c.NewProducer(bus.ProducerConfig{})
	for i := 0; ; i++ {
		_, err := p.PublishWait(ctx, bus.Record{Topic: "events", Partition: 0, Value: fmt.Appendf(nil, "value %d", i)})
		fail(err)
		if i == 99 {
			fmt.Println("100 acknowledged")
		}
	}
}

func TestATornRecordIsCutOff(t *testing.T) {
	dir := t.TempDir()
	killed(t, dir)
	segments, err := filepath.Glob(filepath.Join(dir, "partitions", "events-0", "*.dat"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments %v, error %v", segments, err)
	}
	f, err := os.OpenFile(segments[len(segments)-1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 17)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c := connect(t, start(t, dir))
	before := read(t, c, "events")
	expectValues(t, before, len(before))
	if err := write(t.Context(), c, "events", 1); err != nil {
		t.Fatal(err)
	}
	if after := read(t, c, "events"); len(after) != len(before)+1 {
		t.Fatalf("%d records and one more make %d", len(before), len(after))
	}
}

func TestErrorsAreOneLineThatSaysWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	used, broken, file := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	start(t, used)
	for name, content := range map[string]string{filepath.Join(broken, "meta.json"): "no JSON", file: ""} {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		o    Options
		want []string
	}{
		{"port in use", Options{Listen: taken.Addr().String()}, []string{taken.Addr().String() + " is in use", "--kafka-listen"}},
		{"directory in use", Options{Listen: "127.0.0.1:0", DataDir: used}, []string{used + " is in use", "--data-dir"}},
		{"directory is a file", Options{Listen: "127.0.0.1:0", DataDir: file}, []string{"--data-dir", file}},
		{"log is broken", Options{Listen: "127.0.0.1:0", DataDir: broken}, []string{broken, "meta.json", "move the directory away"}},
		{"no such address", Options{Listen: "192.0.2.1:9092"}, []string{"--kafka-listen", "192.0.2.1:9092"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := New(test.o).Start(t.Context())
			if err == nil || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want one line", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q doesn't say %q", err, want)
				}
			}
		})
	}
}
