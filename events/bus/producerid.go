package bus

import (
	"context"
	"fmt"
	"sync"
)

// identity is the producer id that a producer's partitions share. Each
// partition adopts it between two batches, so a new one never mixes with a
// batch under way.
type identity struct {
	c               *Client
	transactionalID string
	asking          chan struct{} // held by the partition that asks the broker

	mu     sync.Mutex
	id     producerID
	fenced bool
}

func newIdentity(c *Client, transactionalID string) *identity {
	return &identity{c: c, transactionalID: transactionalID, asking: make(chan struct{}, 1), id: noProducerID}
}

// replace returns an id other than used, asking the broker for one unless
// another partition already has. It retries until ctx ends; so does the wait
// for the partition that asks.
func (p *identity) replace(ctx context.Context, used producerID) (producerID, error) {
	select {
	case p.asking <- struct{}{}:
		defer func() { <-p.asking }()
	case <-ctx.Done():
		return noProducerID, fmt.Errorf("bus: init producer id: %w", context.Cause(ctx))
	}
	if id, err := p.current(); err != nil || id != noProducerID && id != used {
		return id, err
	}
	id, err := p.c.acquireProducerID(ctx, p.transactionalID, noProducerID)
	if err != nil {
		return noProducerID, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
	return id, nil
}

func (p *identity) current() (producerID, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fenced {
		return noProducerID, ErrFenced
	}
	return p.id, nil
}

func (p *identity) fence() {
	p.mu.Lock()
	p.fenced = true
	p.mu.Unlock()
}

// acquireProducerID gets a producer id, retrying until ctx ends. With a
// transactional id, current is the holder's own to renew it or noProducerID to
// take it over, and ErrFenced means that somebody else has taken it over.
func (c *Client) acquireProducerID(ctx context.Context, transactionalID string, current producerID) (producerID, error) {
	wait := newBackoff()
	for {
		var id producerID
		var err error
		if transactionalID == "" {
			id, err = c.initProducerID(ctx)
		} else {
			id, err = c.initTransactional(ctx, transactionalID, current)
		}
		if err == nil {
			return id, nil
		}
		switch judge(err) {
		case verdictFenced, verdictNewID:
			return noProducerID, fmt.Errorf("%w: %w", ErrFenced, err)
		case verdictRetry, verdictRetryMissing:
		default:
			return noProducerID, fmt.Errorf("bus: init producer id: %w", err)
		}
		if cause := wait.sleep(ctx); cause != nil {
			return noProducerID, fmt.Errorf("bus: init producer id: %w (last: %w)", cause, err)
		}
	}
}
