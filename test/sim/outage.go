package sim

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errKilled = errors.New("sim: the process is dead")

// networkFaults are those of the network and of Kafka. Kafka restarts only
// where its log is kept.
func networkFaults(restarts bool) []fault {
	all := []fault{
		{"cut off from Kafka", func(n *nemesis) bool { return n.apart(func(l *link, by int) { l.addCut(by) }) }},
		{"half-open to Kafka", func(n *nemesis) bool { return n.apart(func(l *link, by int) { l.addFrozen(by) }) }},
		{"connections to Kafka dropped", func(n *nemesis) bool { return n.apart(func(l *link, by int) { l.sever() }) }},
		{"late produce", (*nemesis).late},
		{"answers of Kafka lost", (*nemesis).answersLost},
		{"slow network", (*nemesis).slow},
		{"node down", (*nemesis).nodeDown},
		{"leaders move", func(n *nemesis) bool { n.d.kafka.shuffle(); return true }},
		{"Kafka away", (*nemesis).kafkaAway},
		{"produce refused", func(n *nemesis) bool { return n.refuse(kerr.NotLeaderForPartition) }},
		{"applied and refused", func(n *nemesis) bool { return n.refuse(kerr.RequestTimedOut) }},
		{"clients dropped", (*nemesis).clientsDropped},
		{"clients half-open", (*nemesis).clientsFrozen},
	}
	if restarts {
		all = append(all, fault{"Kafka restarts", (*nemesis).kafkaRestarts})
	}
	return all
}

// away tells that an edge may count as dead until done is called.
func (n *nemesis) away(i *instance) (done func()) {
	if !i.isEdge() {
		return func() {}
	}
	n.d.rec.edgeAway(i.id, +1)
	return func() { n.d.rec.edgeAway(i.id, -1) }
}

func (n *nemesis) toKafka(i *instance) []*link {
	var links []*link
	for node := range nodes {
		links = append(links, n.d.net.link(i.now.host, kafkaHost(node)))
	}
	return links
}

// apart does something to the links of an instance to Kafka and undoes it.
func (n *nemesis) apart(do func(l *link, by int)) bool {
	i := n.victim()
	if i == nil {
		return false
	}
	defer n.away(i)()
	links := n.toKafka(i)
	for _, l := range links {
		do(l, +1)
	}
	n.hold()
	for _, l := range links {
		do(l, -1)
	}
	return true
}

// late holds what an instance has sent until it has long sent it again.
func (n *nemesis) late() bool {
	i := n.victim()
	if i == nil {
		return false
	}
	defer n.away(i)()
	d := time.Duration(2+n.rand.IntN(20)) * time.Second
	for _, l := range n.toKafka(i) {
		l.stick(d, true, false)
	}
	time.Sleep(d)
	return true
}

// answersLost: what is asked is done, the answer never comes.
func (n *nemesis) answersLost() bool {
	i := n.victim()
	if i == nil {
		return false
	}
	defer n.away(i)()
	links := n.toKafka(i)
	for _, l := range links {
		l.stick(time.Hour, false, true)
	}
	n.pause(100*time.Millisecond, 3*time.Second)
	for _, l := range links {
		l.sever()
	}
	return true
}

func (n *nemesis) slow() bool {
	d := time.Duration(20+n.rand.IntN(400)) * time.Millisecond
	links := n.d.net.between("", "kafka-")
	for _, l := range links {
		l.setSlow(d)
	}
	n.hold()
	for _, l := range links {
		l.setSlow(0)
	}
	return true
}

// nodeDown takes a node away; the others lead its partitions some time later.
func (n *nemesis) nodeDown() bool {
	node := n.rand.IntN(nodes)
	n.d.net.isolate(kafkaHost(node), +1)
	n.pause(time.Second, 9*time.Second)
	n.d.kafka.failOver(int32(node), n.d.partitions)
	n.hold()
	n.d.net.isolate(kafkaHost(node), -1)
	return true
}

func (n *nemesis) kafkaAway() bool {
	for node := range nodes {
		n.d.net.isolate(kafkaHost(node), +1)
	}
	n.hold()
	for node := range nodes {
		n.d.net.isolate(kafkaHost(node), -1)
	}
	return true
}

func (n *nemesis) kafkaRestarts() bool {
	n.d.kafka.stop()
	n.hold()
	if err := n.d.kafka.start(); err != nil {
		n.d.t.Error(err)
	}
	return true
}

// refuse has produce requests answered with an error for a while.
func (n *nemesis) refuse(err *kerr.Error) bool {
	h := n.d.kafka.now().Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: 1 + n.rand.IntN(20)})
	n.pause(time.Second, 3*time.Second)
	h.Remove()
	return h.Hits() > 0
}

func (n *nemesis) clientsDropped() bool {
	i := n.d.edges[n.rand.IntN(len(n.d.edges))]
	if i.now == nil {
		return false
	}
	n.d.rec.linkDown(i.id, +1)
	defer n.d.rec.linkDown(i.id, -1)
	for _, l := range n.d.net.between("user.", i.now.host) {
		l.sever()
	}
	return true
}

func (n *nemesis) clientsFrozen() bool {
	i := n.d.edges[n.rand.IntN(len(n.d.edges))]
	if i.now == nil {
		return false
	}
	n.d.rec.linkDown(i.id, +1)
	defer n.d.rec.linkDown(i.id, -1)
	links := n.d.net.between("user.", i.now.host)
	for _, l := range links {
		l.addFrozen(+1)
	}
	n.hold()
	for _, l := range links {
		l.addFrozen(-1)
	}
	return true
}
