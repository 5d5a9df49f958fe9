package bus

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// patience is how long EnsureTopics waits before it says so in the log.
const patience = 3 * time.Second

// contact is how far a client has come with its brokers.
type contact struct {
	mu       sync.Mutex
	answered bool
	trouble  error // of the last attempt; nil before its end
}

func (c *contact) note(trouble error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trouble = trouble
}

func (c *contact) noteAnswer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = true
}

// Waiting says in one line, for the operator, what EnsureTopics waits for: the
// addresses and what is wrong with them. It is of use only while that runs.
func (c *Client) Waiting() error {
	c.contact.mu.Lock()
	defer c.contact.mu.Unlock()
	brokers, cause := strings.Join(c.cfg.Brokers, ", "), ""
	if c.contact.trouble != nil {
		cause = ": " + causeOf(c.contact.trouble)
	}
	if c.contact.answered {
		return fmt.Errorf("topics at Kafka %s: not all of them and their leaders are there yet%s", brokers, cause)
	}
	// The flag's name is that of every process with a client.
	return fmt.Errorf("no answer yet from Kafka at %s%s; is --kafka-brokers right?", brokers, cause)
}

// causeOf leaves out of a network error what the line says anyway.
func causeOf(err error) string {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// warnIfLong warns once that EnsureTopics waits, unless stop is called soon.
func (c *Client) warnIfLong() (stop func()) {
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-timer.C:
			c.log.Warn(c.Waiting().Error(), "client", c.cfg.ClientID)
		case <-done:
		}
	})
	return func() {
		close(done)
		watcher.Wait()
	}
}
