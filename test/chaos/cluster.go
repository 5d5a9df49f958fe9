package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/chaos/link"
	"rollcall.dev/test/process"
)

// cluster is the processes of a run: two of each service, each with a network
// of its own to Kafka, and Kafka itself if it is the embedded one.
type cluster struct {
	o       Options
	brokers []string // as Kafka knows them
	broker  *instance
	net     *link.Net
	edges   []*instance
	tasks   []*instance // presence and notifier
	spares  []*instance // a further one of each, which comes and goes
	topics  schema.Topics
}

// start starts all and waits until they are ready. On an error what was
// started is still ended by close.
func (c *cluster) start(ctx context.Context) error {
	c.topics = schema.Topics{Prefix: fmt.Sprintf("chaos-%d-%d.", time.Now().UnixMilli(), c.o.Seed)}
	c.brokers = c.o.Brokers
	if len(c.brokers) == 0 {
		if err := c.startBroker(ctx); err != nil {
			return err
		}
	}
	c.net = link.New(c.brokers)
	for n := range 2 {
		for _, kind := range []string{"presence", "notifier", "edge"} {
			i, err := c.instance(kind, n)
			if err != nil {
				return err
			}
			if kind == "edge" {
				c.edges = append(c.edges, i)
			} else {
				c.tasks = append(c.tasks, i)
			}
		}
	}
	for _, kind := range []string{"presence", "notifier"} {
		i, err := c.instance(kind, 2)
		if err != nil {
			return err
		}
		c.spares = append(c.spares, i)
	}
	for _, i := range c.services() {
		if err := i.launch(); err != nil {
			return err
		}
	}
	return c.ready(ctx)
}

func (c *cluster) startBroker(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	addr, err := process.FreeAddr()
	if err != nil {
		return err
	}
	c.broker = &instance{kind: "broker", id: "broker", listen: addr, path: self, dir: c.o.Dir,
		env: []string{envBroker + "=" + addr, envDataDir + "=" + filepath.Join(c.o.Dir, "kafka")}}
	c.brokers = []string{addr}
	if err := c.broker.launch(); err != nil {
		return err
	}
	return c.broker.ready(ctx)
}

// instance makes the nth of a kind.
func (c *cluster) instance(kind string, n int) (*instance, error) {
	i := &instance{kind: kind, id: fmt.Sprintf("%s-%d", kind, n), path: filepath.Join(c.o.Bin, kind), dir: c.o.Dir}
	listen, err1 := process.FreeAddr()
	ops, err2 := process.FreeAddr()
	way, err3 := c.net.Open(i.id)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	i.listen, i.ops, i.link = listen, ops, way
	i.args = []string{"--kafka-brokers=" + strings.Join(way.Brokers, ","), "--kafka-topic-prefix=" + c.topics.Prefix,
		"--kafka-partitions=" + partitions, fmt.Sprint("--kafka-replication=", len(c.brokers)), "--instance-id=" + i.id,
		"--listen=" + listen, "--ops-listen=" + ops}
	switch kind {
	case "edge":
		i.args = append(i.args, "--auth=none", "--heart-beat="+heartBeat.String())
	case "presence":
		i.args = append(i.args, "--leave-delay="+leaveDelay.String(), "--leave-delay-drain="+drainDelay.String(), "--edge-lease="+edgeLease.String())
	case "notifier":
		i.ops = listen
		i.args = append(slices.DeleteFunc(i.args, func(a string) bool { return strings.HasPrefix(a, "--ops-listen") }), "--edge-lease="+edgeLease.String())
	}
	return i, nil
}

// services are those that should run when nothing is broken.
func (c *cluster) services() []*instance { return slices.Concat(c.tasks, c.edges) }

// ready waits until every service says that it is.
func (c *cluster) ready(ctx context.Context) error {
	for _, i := range c.services() {
		if err := i.ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// at are the addresses of the edges.
func (c *cluster) at() (all []edgeAt) {
	for _, e := range c.edges {
		all = append(all, edgeAt{e.id, e.listen})
	}
	return all
}

// close ends every process that was started, by its id.
func (c *cluster) close() {
	all := slices.Concat(c.edges, c.tasks, c.spares)
	if c.broker != nil {
		all = append(all, c.broker)
	}
	for _, i := range all {
		if i.proc != nil {
			i.kill()
		}
	}
	if c.net != nil {
		c.net.Close()
	}
}

// dialable waits until something listens.
func dialable(ctx context.Context, addr string) error {
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens at %s: %w", addr, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
