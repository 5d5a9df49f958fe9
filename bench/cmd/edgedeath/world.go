package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"rollcall.dev/bench/rig"
	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

const (
	partitions = 16
	perRoom    = 10  // sessions in one room
	perWatcher = 100 // rooms of one
	atOnce     = 32  // clients that connect at the same time
)

// world is the edge that dies, and all else.
type world struct {
	ring    *rig.Ring
	edge    *rig.Process
	listen  string // of the edge
	log     *bus.Client
	stop    context.CancelFunc
	reading sync.WaitGroup
}

func begin(dir string) (*world, error) {
	paths, err := rig.Build(dir, "./deploy/standalone/cmd/standalone", "./services/edge/cmd/edge")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w := &world{stop: func() {}}
	if w.ring, err = rig.StartRing(ctx, dir, paths[0], "--instance-id=all-0"); err != nil {
		return nil, err
	}
	listen, err1 := rig.FreeAddr()
	ops, err2 := rig.FreeAddr()
	if err = errors.Join(err1, err2); err == nil {
		w.listen = listen
		w.edge, err = rig.Start(dir, paths[1], "--auth=none", "--log-level=warn", "--instance-id=edge-1", "--listen="+listen, "--ops-listen="+ops,
			"--kafka-brokers="+strings.Join(w.ring.Brokers, ","), "--kafka-topic-prefix="+w.ring.Prefix)
	}
	if err == nil {
		err = w.edge.Ready(ctx, ops)
	}
	if err == nil {
		w.log, err = bus.Open(bus.Config{Brokers: w.ring.Brokers})
	}
	if err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

func (w *world) end() {
	w.stop()
	w.reading.Wait()
	if w.log != nil {
		_ = w.log.Close()
	}
	if w.edge != nil {
		w.edge.Stop()
	}
	w.ring.Stop()
}

// connect has the sessions at the edge, each of a user in a room.
func (w *world) connect(sessions int) error {
	return each(sessions, func(i int) error {
		c, err := rig.Dial(w.listen, fmt.Sprintf("user-%d", i), nil)
		if err != nil {
			return err
		}
		return c.Join(fmt.Sprintf("room.%d", i/perRoom))
	})
}

// watch has every room watched at the other edge, and the log read.
func (w *world) watch(sessions int) (*news, error) {
	n := newNews(sessions)
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	for p := range int32(partitions) {
		r := w.log.NewReader(bus.ReaderConfig{Topic: schema.Topics{Prefix: w.ring.Prefix}.Lifecycle(), Partition: p, Start: bus.LastOffset})
		w.reading.Go(func() { n.read(ctx, r) })
	}
	rooms := (sessions + perRoom - 1) / perRoom
	return n, each((rooms+perWatcher-1)/perWatcher, func(i int) error {
		c, err := rig.Dial(w.ring.Edge, fmt.Sprintf("watcher-%d", i), n.frame)
		for room := i * perWatcher; err == nil && room < min(rooms, (i+1)*perWatcher); room++ {
			err = c.Watch(fmt.Sprintf("room.%d", room))
		}
		return err
	})
}

// each runs one for every number below n, several at once.
func each(n int, one func(i int) error) error {
	errs := make([]error, atOnce)
	var wg sync.WaitGroup
	for first := range atOnce {
		wg.Go(func() {
			for i := first; i < n && errs[first] == nil; i += atOnce {
				if err := one(i); err != nil {
					errs[first] = fmt.Errorf("client %d: %w", i, err)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
