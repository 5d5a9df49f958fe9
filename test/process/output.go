package process

import (
	"slices"
	"sync"
)

// maxOutput bounds what is kept of what a process says.
const maxOutput = 1 << 20

// output collects what a process says; safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if over := len(o.buf) - maxOutput; over > maxOutput/4 {
		o.buf = slices.Delete(o.buf, 0, over)
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.buf)
}

// Tail is the end of a text of many lines.
func Tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}
