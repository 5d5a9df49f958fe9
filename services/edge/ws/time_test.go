package ws

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/services/edge/transport"
)

// inBubble starts a server in a bubble and stops it before the bubble ends.
func inBubble(t *testing.T, o Options, body func(t *testing.T, f *fixture)) {
	o.PingInterval = transport.DefaultHeartBeat
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, o)
		body(t, f)
		if err := f.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// A client that doesn't CONNECT in time is told so and closed; what it sends
// meanwhile, and pongs, don't help.
func TestConnectTimeout(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		f.alive = false
		f.fault = func(c transport.Conn, fault transport.Fault) { c.Close(1008, "policy_violation", []byte("ERROR")) }
		p := f.overPipe()
		start := time.Now()
		go func() {
			for range 3 {
				time.Sleep(3 * time.Second)
				_, _ = p.Write(masked(fin|byte(opPong), ""))
			}
		}()
		p.want(text, "ERROR")
		if waited := time.Since(start); waited != 10*time.Second {
			t.Errorf("closed after %v, want 10s", waited)
		}
		p.wantClose(1008, "policy_violation")
		p.Conn.Close()
		if end := p.handler.end(t); end.Cause != transport.Silent || end.Code != 1008 {
			t.Errorf("end %+v", end)
		}
	})
}

// A silent peer is closed after at least two pings went unanswered.
func TestSilence(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		start := time.Now()
		pings := 0
		first, payload, err := p.next()
		for ; err == nil && first == fin|byte(opPing); first, payload, err = p.next() {
			pings++
		}
		if first != closes || payload != string(closePayload(1008, "silent")) || err != nil || pings < 2 {
			t.Errorf("after %d pings: %#x %q, %v", pings, first, payload, err)
		}
		if waited := time.Since(start); waited != 22500*time.Millisecond {
			t.Errorf("closed after %v, want 22.5s", waited)
		}
		p.wantEOF()
		if end := p.handler.end(t); end.Cause != transport.Silent {
			t.Errorf("end %+v", end)
		}
	})
}

// A process that stood still has asked nobody for a sign of life: its silent
// peers get their time from when it woke.
func TestScenario12SilenceDuringAStandstillIsNobodysFault(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		start := time.Now()
		p.want(fin|byte(opPing), "")
		p.want(fin|byte(opPing), "")
		time.Sleep(time.Until(start.Add(20 * time.Second)))
		f.stood.ended.Store(int64(time.Since(f.epoch)))
		pings := 0
		first, _, err := p.next()
		for ; err == nil && first == fin|byte(opPing); first, _, err = p.next() {
			pings++
		}
		if waited := time.Since(start); first != closes || waited != 42500*time.Millisecond || pings < 2 {
			t.Errorf("%#x after %v and %d pings", first, waited, pings)
		}
		p.Conn.Close()
		p.handler.end(t)
	})
}

func TestStandstill(t *testing.T) {
	var s standstill
	for now := range 100 * time.Second / (100 * time.Millisecond) {
		s.sweeps(now * 100 * time.Millisecond)
	}
	if at := s.look(100 * time.Second); at != 0 {
		t.Errorf("it stood still until %v, though the sweep went by", at)
	}
	if at := s.look(200 * time.Second); at != 200*time.Second {
		t.Errorf("a reader woke first: %v", at)
	}
	s.sweeps(201 * time.Second)
	s.sweeps(300 * time.Second)
	if at := s.look(300 * time.Second); at != 300*time.Second {
		t.Errorf("the sweep woke first: %v", at)
	}
}

// A browser tab in the background sends nothing by itself, but its pongs keep
// the session for an hour; pings come at least every interval.
func TestPongsKeepAlive(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		last := time.Now()
		for start := last; time.Since(start) < time.Hour; last = time.Now() {
			p.want(fin|byte(opPing), "")
			if gap := time.Since(last); gap > 10*time.Second {
				t.Fatalf("no ping for %v", gap)
			}
			p.send(fin|byte(opPong), "")
		}
		p.alive()
	})
}

// A client that negotiated heart-beats gets an EOL with every ping.
func TestHeartBeats(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		p.handler.conn.KeepAlive(true)
		for range 10 {
			before := time.Now()
			p.want(fin|byte(opPing), "")
			p.want(text, "\n")
			if gap := time.Since(before); gap > 10*time.Second {
				t.Errorf("no heart-beat for %v", gap)
			}
			p.send(text, "\n")
			p.want(text, "\n") // the echo
		}
	})
}

// A peer that reads nothing costs its queue's bound and is closed by the
// write deadline.
func TestPeerThatNeverReads(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		start := time.Now()
		frame := make([]byte, 1000)
		sent := 0
		for p.handler.conn.Send(frame) == nil {
			sent++
		}
		if sent < 250 || sent > 262 {
			t.Errorf("%d KB were queued, want the 256 KiB of the budget", sent)
		}
		if err := p.handler.conn.Send(frame); err != transport.ErrSlow {
			t.Errorf("over budget: %v", err)
		}
		if err := p.handler.conn.Send([]byte("small")); err != transport.ErrSlow && err != nil {
			t.Errorf("a small one: %v", err)
		}
		end := p.handler.end(t)
		if end.Cause != transport.Slow || end.Code != 1013 || time.Since(start) != 10*time.Second {
			t.Errorf("end %+v after %v", end, time.Since(start))
		}
		p.wantEOF()
	})
}

// Closing a peer that reads nothing takes a bounded time.
func TestCloseOfAPeerThatNeverReads(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		c := p.handler.conn
		for c.Send(make([]byte, 1000)) == nil {
		}
		start := time.Now()
		c.Close(transport.CodeSlowConsumer, "slow_consumer", []byte("ERROR"))
		end := p.handler.end(t)
		if end.Cause != transport.Local || end.Code != 1013 || end.Clean || time.Since(start) != 5*time.Second {
			t.Errorf("end %+v after %v", end, time.Since(start))
		}
		p.wantEOF()
	})
}

// A slow consumer that wakes up finds the ERROR, not the backlog.
func TestSlowConsumerIsToldWhy(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		c := p.handler.conn
		_ = c.Send([]byte("under way"))
		synctest.Wait()
		for c.Send(make([]byte, 1000)) == nil {
		}
		c.Close(transport.CodeSlowConsumer, "slow_consumer", []byte("ERROR"))
		backlog := 0
		for {
			first, payload, err := p.next()
			if err != nil || first == closes {
				t.Fatalf("%#x %q, %v before the ERROR", first, payload, err)
			}
			if payload == "ERROR" {
				break
			}
			backlog++
		}
		p.wantClose(1013, "slow_consumer")
		if backlog != 1 {
			t.Errorf("%d messages came before the ERROR; only the one under way may", backlog)
		}
	})
}

// A peer that doesn't answer our close frame is not waited for long.
func TestPeerThatIgnoresClose(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		start := time.Now()
		p.handler.conn.Close(1008, "kicked", nil)
		p.wantClose(1008, "kicked")
		p.wantEOF()
		end := p.handler.end(t)
		if end.Clean || end.Cause != transport.Local || time.Since(start) != 5*time.Second {
			t.Errorf("end %+v after %v", end, time.Since(start))
		}
	})
}

// Half a message, then silence: bytes are no sign of life, messages are.
func TestHalfAMessageIsNoSignOfLife(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		p := f.overPipe()
		start := time.Now()
		drip := masked(text, "a message that never gets whole")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, b := range drip {
				if _, err := p.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		_, _ = io.Copy(io.Discard, p.in)
		<-done
		if waited := time.Since(start); waited > 28*time.Second {
			t.Errorf("closed after %v", waited)
		}
		if end := p.handler.end(t); end.Cause != transport.Silent {
			t.Errorf("end %+v", end)
		}
	})
}

// Stop closes everybody with 1012 and waits, by force if it must.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := serve(t, Options{})
		polite, deaf := f.overPipe(), f.overPipe()
		go func() {
			polite.wantClose(1012, "server_shutdown")
			polite.send(closes, string(closePayload(1012, "")))
		}()
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = f.Stop(ctx)
		synctest.Wait()
		if end := polite.handler.end(t); !end.Clean || end.Code != 1012 {
			t.Errorf("polite peer: %+v", end)
		}
		if end := deaf.handler.end(t); end.Clean || end.Cause != transport.Local {
			t.Errorf("deaf peer: %+v", end)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("stop took %v", waited)
		}
	})
}

// The server's end takes its share of the time that Stop has and no more,
// whatever its peers do: one answers, one reads nothing, one reads and is mute.
func TestStopLeavesTimeToTheOthers(t *testing.T) {
	inBubble(t, Options{CloseTimeout: time.Minute, StopTimeout: time.Second}, func(t *testing.T, f *fixture) {
		answers, deaf, mute := f.overPipe(), f.overPipe(), f.overPipe()
		go func() {
			answers.wantClose(1012, "server_shutdown")
			answers.send(closes, string(closePayload(1012, "")))
		}()
		go mute.wantClose(1012, "server_shutdown")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if err := f.Stop(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
		if end := answers.handler.end(t); !end.Clean {
			t.Errorf("the one that answered: %+v", end)
		}
		for _, p := range []*peer{deaf, mute} {
			if end := p.handler.end(t); end.Cause != transport.Local || end.Code != 1012 || end.Clean {
				t.Errorf("end %+v", end)
			}
		}
	})
}
