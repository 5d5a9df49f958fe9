package epoch

import "time"

// Pauses between two renewals: each has every session told anew, so what ends
// one epoch after the other at once must not become a storm.
const (
	renewPause    = time.Second
	renewPauseMax = 30 * time.Second
)

// pacer doubles the pause as long as epochs end within it.
type pacer struct {
	pause time.Duration
	over  <-chan time.Time // of the pause, nil: there is none
	again bool             // a renewal was asked for within it
}

// ready reports whether an epoch that is over may be renewed now.
func (p *pacer) ready() bool {
	if p.over == nil {
		return true
	}
	p.again = true
	return false
}

// renewed begins a pause.
func (p *pacer) renewed() {
	if p.again {
		p.pause = min(2*p.pause, renewPauseMax)
	} else {
		p.pause = renewPause
	}
	p.again = false
	p.over = time.After(p.pause)
}
