package chaos

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"rollcall.dev/test/oracle"
)

// Durations of what lasts: shorter and longer than the lease of an edge, and
// than what a group waits for a member.
const (
	shortest = 500 * time.Millisecond
	brief    = 3 * time.Second
	long     = 7 * time.Second
	longest  = 12 * time.Second
)

// stopTime is what an orderly end may take.
const stopTime = 20 * time.Second

// faults are all that can happen now, each drawn with what it draws by chance.
func (n *nemesis) faults() []fault {
	var all []fault
	add := func(kind string, i *instance, run func(ctx context.Context) error) {
		all = append(all, fault{i.kind + " " + kind, i.id, run})
	}
	for _, i := range n.cluster.services() {
		short, lasting, down := n.between(shortest, brief), n.between(long, longest), n.between(shortest, long)
		add("kill", i, func(ctx context.Context) error { return n.kill(ctx, i, down) })
		add("restart", i, func(ctx context.Context) error { return n.restart(ctx, i) })
		add("pause", i, func(ctx context.Context) error { return n.freeze(ctx, i, short) })
		add("long pause", i, func(ctx context.Context) error { return n.freeze(ctx, i, lasting) })
		add("cut", i, func(ctx context.Context) error {
			return n.network(ctx, i, short, func() error { i.link.Cut(); return nil })
		})
		add("long cut", i, func(ctx context.Context) error {
			return n.network(ctx, i, lasting, func() error { i.link.Cut(); return nil })
		})
		add("silence", i, func(ctx context.Context) error { return n.network(ctx, i, lasting, i.link.Silence) })
		add("slow network", i, func(ctx context.Context) error {
			return n.network(ctx, i, lasting, func() error { return i.link.Slow(short/6, short/12) })
		})
	}
	for _, i := range n.cluster.spares {
		while, kill := n.between(brief, longest), n.rng.IntN(2) == 0
		add("one more", i, func(ctx context.Context) error { return n.oneMore(ctx, i, while, kill) })
	}
	if b := n.cluster.broker; b != nil {
		short, lasting, down := n.between(shortest, brief), n.between(long, longest), n.between(shortest, long)
		add("kill", b, func(ctx context.Context) error { return n.kill(ctx, b, down) })
		add("restart", b, func(ctx context.Context) error { return n.restart(ctx, b) })
		add("pause", b, func(ctx context.Context) error { return n.freeze(ctx, b, short) })
		add("long pause", b, func(ctx context.Context) error { return n.freeze(ctx, b, lasting) })
	} else if n.cluster.o.KafkaScript != "" {
		node := strconv.Itoa(1 + n.rng.IntN(len(n.cluster.brokers)))
		lasting := n.between(brief, longest)
		// One target for all nodes: a second one that is away would leave no majority.
		all = append(all,
			fault{"node kill", "kafka", func(ctx context.Context) error { return n.node(ctx, node, lasting, "kill", "restart") }},
			fault{"node pause", "kafka", func(ctx context.Context) error { return n.node(ctx, node, lasting, "pause", "resume") }})
	}
	return all
}

// away notes that an edge is stopped or cut off.
func (n *nemesis) away(i *instance, kinds ...oracle.Kind) {
	for _, kind := range kinds {
		if i.kind == "edge" {
			n.rec.note(oracle.Fact{Kind: kind, Edge: i.id})
		}
	}
}

func (n *nemesis) kill(ctx context.Context, i *instance, down time.Duration) error {
	if i.proc.Ended() {
		return n.revive(ctx, i)
	}
	i.kill()
	n.away(i, oracle.EdgeKilled)
	sleep(ctx, down)
	return n.back(i)
}

func (n *nemesis) restart(ctx context.Context, i *instance) error {
	if i.proc.Ended() {
		return n.revive(ctx, i)
	}
	alone := n.alone()
	n.away(i, oracle.EdgeStops)
	err := i.stop(stopTime)
	if alone = alone && n.alone(); err != nil || !alone {
		// It may not have been able to tell of its sessions' ends.
		i.kill()
		n.away(i, oracle.EdgeKilled)
	}
	if !alone {
		err = nil
	}
	return firstOf(err, n.back(i))
}

// freeze is SIGSTOP and SIGCONT.
func (n *nemesis) freeze(ctx context.Context, i *instance, while time.Duration) error {
	if i.proc.Ended() {
		return n.revive(ctx, i)
	}
	n.away(i, oracle.EdgeAway, oracle.LinkDown)
	err := i.proc.Signal(syscall.SIGSTOP)
	sleep(ctx, while)
	err = firstOf(err, i.proc.Signal(syscall.SIGCONT))
	n.away(i, oracle.EdgeBack, oracle.LinkUp)
	return firstOf(err, n.settled(i))
}

// network breaks a service's way to Kafka.
func (n *nemesis) network(ctx context.Context, i *instance, while time.Duration, broken func() error) error {
	n.away(i, oracle.EdgeAway)
	err := broken()
	sleep(ctx, while)
	err = firstOf(err, i.link.Heal(context.WithoutCancel(ctx)))
	n.away(i, oracle.EdgeBack)
	return firstOf(err, n.settled(i))
}

// oneMore adds an instance under load and takes it away again.
func (n *nemesis) oneMore(ctx context.Context, i *instance, while time.Duration, kill bool) error {
	if err := i.launch(); err != nil {
		return err
	}
	err := n.settled(i)
	sleep(ctx, while)
	if kill {
		i.kill()
		return err
	}
	return firstOf(err, i.stop(stopTime))
}

// back launches an instance and waits until it is ready.
func (n *nemesis) back(i *instance) error {
	if err := i.launch(); err != nil {
		return err
	}
	return n.settled(i)
}

// settled waits until an instance is ready, whatever becomes of the run: what
// is broken has to be mended.
func (n *nemesis) settled(i *instance) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return i.ready(ctx)
}

// revive starts what has ended by itself, which nothing may.
func (n *nemesis) revive(_ context.Context, i *instance) error {
	i.keep()
	n.away(i, oracle.EdgeKilled)
	return firstOf(fmt.Errorf("%s had ended by itself: %s", i.id, i.proc.Output()), n.back(i))
}

// node breaks and mends a node of an outside Kafka.
func (n *nemesis) node(ctx context.Context, node string, while time.Duration, breaks, mends string) error {
	err := n.kafka(breaks, node)
	sleep(ctx, while)
	return firstOf(err, n.kafka(mends, node))
}

// kafka has deploy/kafka do something to a node of an outside Kafka.
func (n *nemesis) kafka(command, node string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, n.cluster.o.KafkaScript, command, node, "--port", n.cluster.o.KafkaPort).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kafka.sh %s %s: %w: %s", command, node, err, out)
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
