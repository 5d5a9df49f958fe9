package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"rollcall.dev/events/schema"
)

// rooms of a simulation.
var rooms = []string{"room.0", "room.1", "room.2"}

// person behaves as the seed says, whatever happens: what they do next depends
// on what they have and on their own dice alone.
type person struct {
	d     *deployment
	rand  *rand.Rand
	name  string
	pairs []string // names of all
	until time.Time
	tabs  []*tab
}

// tab is a window of a browser, with what it is subscribed to.
type tab struct {
	client *client
	wants  []want
}

type want struct {
	kind, name string // topic, watch or presence
	sub        string
}

func (d *deployment) newPerson(seed uint64, n, of int, until time.Time) *person {
	p := &person{d: d, rand: rand.New(rand.NewPCG(seed, uint64(100+n))), name: fmt.Sprintf("user.%d", n), until: until}
	for i := range of {
		p.pairs = append(p.pairs, fmt.Sprintf("user.%d", i))
	}
	return p
}

// live goes on until the time is over; half of the people are gone by then.
func (p *person) live() {
	p.pause(0, 5*time.Second)
	for time.Now().Before(p.until) {
		p.act()
		p.pause(200*time.Millisecond, 4*time.Second)
	}
	if p.rand.IntN(2) == 0 {
		for _, t := range p.tabs {
			p.leave(t.client)
		}
	}
}

func (p *person) pause(from, to time.Duration) {
	time.Sleep(from + time.Duration(p.rand.Int64N(int64(to-from))))
}

func (p *person) act() {
	dice, i, j := p.rand.IntN(100), p.rand.IntN(16), p.rand.IntN(16)
	p.returns()
	switch {
	case len(p.tabs) == 0 || dice < 8 && len(p.tabs) < 3:
		p.open(p.wishes(), p.rand.IntN(edges))
	case dice < 30:
		p.reload(p.tabs[i%len(p.tabs)])
	case dice < 42:
		t := p.tabs[i%len(p.tabs)]
		p.drop(t)
		p.leave(t.client)
		if dice < 36 {
			p.pause(leaveDelay, 4*leaveDelay)
		}
	case dice < 52:
		p.unsubscribe(p.tabs[i%len(p.tabs)], j)
	case dice < 62:
		t := p.tabs[i%len(p.tabs)]
		w := p.wish()
		t.wants = append(t.wants, t.client.want(w))
	default:
		p.tabs[i%len(p.tabs)].client.send(rooms[j%len(rooms)])
	}
}

// returns opens tabs anew that have lost their connection, as a client library
// does.
func (p *person) returns() {
	for i, t := range p.tabs {
		if t.client.over() {
			if fresh := p.dial(t.wants, p.rand.IntN(edges)); fresh != nil {
				p.tabs[i] = fresh
			}
		}
	}
}

// reload ends a connection without a goodbye, or with a browser's, and comes
// back, mostly within the grace.
func (p *person) reload(t *tab) {
	switch p.rand.IntN(4) {
	case 0:
		t.client.close(1001)
	case 1:
		t.client.vanish()
	default:
		t.client.cut()
	}
	p.drop(t)
	p.pause(50*time.Millisecond, leaveDelay+leaveDelay/4)
	p.open(t.wants, p.rand.IntN(edges))
}

func (p *person) drop(t *tab) {
	var rest []*tab
	for _, o := range p.tabs {
		if o != t {
			rest = append(rest, o)
		}
	}
	p.tabs = rest
}

// leave ends a connection in one of the ways there are.
func (p *person) leave(c *client) {
	switch p.rand.IntN(5) {
	case 0:
		c.close(1000)
	case 1:
		c.close(1001)
	case 2:
		c.vanish()
	case 3:
		c.cut()
	default:
		c.disconnect()
	}
}

func (p *person) open(wants []want, edge int) {
	if t := p.dial(wants, edge); t != nil {
		p.tabs = append(p.tabs, t)
	}
}

// dial tries the edges in turn, as through a load balancer.
func (p *person) dial(wants []want, edge int) *tab {
	for try := range 4 {
		c, err := p.d.connect(p.name, (edge+try)%edges, schema.Meta{"color": p.name})
		if err != nil {
			p.pause(100*time.Millisecond, time.Second)
			continue
		}
		t := &tab{client: c}
		for _, w := range wants {
			t.wants = append(t.wants, c.want(w))
		}
		return t
	}
	return nil
}

func (p *person) wishes() (wants []want) {
	for range 1 + p.rand.IntN(3) {
		wants = append(wants, p.wish())
	}
	return wants
}

func (p *person) wish() want {
	room, other := rooms[p.rand.IntN(len(rooms))], p.pairs[p.rand.IntN(len(p.pairs))]
	switch p.rand.IntN(6) {
	case 0:
		return want{kind: "watch", name: room}
	case 1:
		return want{kind: "presence", name: other}
	default:
		return want{kind: "topic", name: room}
	}
}

func (c *client) want(w want) want {
	switch w.kind {
	case "watch":
		w.sub = c.watch(w.name)
	case "presence":
		w.sub = c.watchUser(w.name)
	default:
		w.sub = c.join(w.name)
	}
	return w
}

func (p *person) unsubscribe(t *tab, n int) {
	if len(t.wants) == 0 {
		return
	}
	n %= len(t.wants)
	t.client.unsubscribe(t.wants[n].sub)
	t.wants = append(t.wants[:n:n], t.wants[n+1:]...)
}
