package hub

import (
	"container/list"
	"sync"
	"time"
)

// Interest in a channel and its cache outlive the last subscriber for a while:
// each new interest has the notifier send the whole roster, so a client that
// comes and goes, or a page that is loaded anew, must not cost one.
const (
	linger       = 5 * time.Second
	maxLingering = 4096
)

// lingering holds the channels that nobody subscribes to any more, the longest
// forsaken first. Its mu is a leaf.
type lingering struct {
	mu    sync.Mutex
	byAge list.List // of forsaken
}

// forsaken is a channel and since when nobody subscribes to it.
type forsaken struct {
	*channel
	since time.Duration
}

func (l *lingering) add(ch *channel, now time.Duration) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byAge.PushBack(forsaken{ch, now})
}

func (l *lingering) remove(e *list.Element) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byAge.Remove(e)
}

func (l *lingering) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byAge.Len()
}

// due is the longest forsaken if that was not after the given time or if there
// are too many; else nil. It stays where it is.
func (l *lingering) due(since time.Duration) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.byAge.Front()
	if first != nil && (l.byAge.Len() > maxLingering || first.Value.(forsaken).since <= since) {
		return first
	}
	return nil
}

// forsake is called with the last subscriber gone. The mus of the shard and the
// channel are held.
func (h *Hub) forsake(sh *shard, ch *channel) {
	h.metrics.channels.Add(-1)
	if h.cfg.Linger <= 0 || h.draining.Load() {
		h.forgetChannel(sh, ch)
		return
	}
	ch.idle = h.lingering.add(ch, h.now())
}

// takeUp is called with a first subscriber there again. The shard's mu is held.
func (h *Hub) takeUp(ch *channel) {
	h.metrics.channels.Add(1)
	if ch.idle != nil {
		h.lingering.remove(ch.idle)
		ch.idle = nil
	}
}

// sweepLingering ends the interest in what has lingered long enough.
func (h *Hub) sweepLingering() {
	since := h.now() - max(h.cfg.Linger, 0)
	if h.draining.Load() {
		since = h.now()
	}
	h.expelUntil(since)
}

// never is before every time of the hub.
const never = -1

func (h *Hub) expelUntil(since time.Duration) {
	for e := h.lingering.due(since); e != nil; e = h.lingering.due(since) {
		h.expel(e)
	}
}

// expel forgets a channel that lingers, unless it was taken up meanwhile.
func (h *Hub) expel(e *list.Element) {
	ch := e.Value.(forsaken).channel
	sh := h.channels.of(ch.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.idle == e {
		h.lingering.remove(e)
		h.forgetChannel(sh, ch)
	}
}

// forgetChannel drops a channel and the interest in it. The mus of the shard
// and the channel are held.
func (h *Hub) forgetChannel(sh *shard, ch *channel) {
	ch.idle, ch.gone = nil, true
	delete(sh.byName, ch.name)
	h.withdraw(ch.name)
}
