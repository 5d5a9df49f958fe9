package bus

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lockedBuffer takes a log from several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A wrong address is told in one line, with what is wrong, and not each time.
func TestAWrongAddressIsToldOnce(t *testing.T) {
	silent := silentBroker(t)
	for name, tc := range map[string]struct{ addr, want string }{
		"refused": {"127.0.0.1:1", "no answer yet from Kafka at 127.0.0.1:1: connection refused; is --kafka-brokers right?"},
		"silent":  {silent, "no answer yet from Kafka at " + silent + "; is --kafka-brokers right?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log lockedBuffer
			c, err := Open(Config{Brokers: []string{tc.addr}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			must(t, err)
			defer c.Close()
			ctx, cancel := context.WithTimeout(t.Context(), patience+time.Second)
			defer cancel()
			if err := c.EnsureTopics(ctx, true, Topic{Name: "t", Partitions: 1}); err == nil {
				t.Fatal("no error")
			}
			if got := log.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, tc.want) {
				t.Errorf("log %s", got)
			}
		})
	}
}

// An answer in time is nothing to warn of, and one that isn't enough is said.
func TestWaitingAfterAnAnswer(t *testing.T) {
	var log lockedBuffer
	c, err := Open(Config{Brokers: testBrokers(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	must(t, err)
	defer c.Close()
	must(t, c.EnsureTopics(within(t, 10*time.Second), true, Topic{Name: newTopic(t, c, 1), Partitions: 1}))
	if log.String() != "" {
		t.Errorf("log %s", log.String())
	}
	if got := c.Waiting().Error(); !strings.HasPrefix(got, "topics at Kafka ") || !strings.Contains(got, "not all of them") {
		t.Errorf("waits for %q", got)
	}
	c.contact.note(errors.New("invalid replication\nfactor"))
	if got := c.Waiting().Error(); !strings.HasSuffix(got, "yet: invalid replication factor") {
		t.Errorf("waits for %q", got)
	}
}

func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		c, err := Open(Config{Brokers: []string{"kafka:9092"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		must(t, err)
		stop := c.warnIfLong()
		time.Sleep(patience - 1)
		stop()
		if log.String() != "" {
			t.Errorf("log %s", log.String())
		}
	})
}
