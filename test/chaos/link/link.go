// Package link puts toxiproxy between each service and each broker of a Kafka,
// so that the network of one service can be cut, made silent or slow. It works
// for any Kafka, for it mends the addresses that brokers tell their clients.
package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Net is the network between the services and the brokers of one Kafka.
type Net struct {
	brokers []string
	server  *toxiproxy.ApiServer

	mu    sync.Mutex
	links map[string]*Link
}

// New makes the network of the brokers at these addresses (host:port), which
// must be the ones that they tell their clients.
func New(brokers []string) *Net {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	return &Net{brokers: brokers, server: server, links: map[string]*Link{}}
}

// Close ends every link.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.close()
	}
	clear(n.links)
}

// Link is the way of one service to all brokers.
type Link struct {
	// Brokers are the addresses that the service is given.
	Brokers    []string
	proxies    []*toxiproxy.Proxy
	forwarders []*forwarder

	mu sync.Mutex // one fault begins or ends at a time
}

// Open makes a service's link.
func (n *Net) Open(service string) (*Link, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l, ok := n.links[service]; ok {
		return l, nil
	}
	l := &Link{}
	instead := map[string]string{}
	for i, broker := range n.brokers {
		f, err := startForwarder(broker, func(addr string) string { return instead[addr] })
		if err != nil {
			l.close()
			return nil, fmt.Errorf("link of %s: %w", service, err)
		}
		l.forwarders = append(l.forwarders, f)
		p := toxiproxy.NewProxy(n.server, fmt.Sprintf("%s-%d", service, i), "127.0.0.1:0", f.listener.Addr().String())
		if err := p.Start(); err != nil {
			l.close()
			return nil, fmt.Errorf("link of %s: %w", service, err)
		}
		l.proxies = append(l.proxies, p)
		l.Brokers = append(l.Brokers, p.Listen)
		instead[broker] = p.Listen
	}
	n.links[service] = l
	return l, nil
}

func (l *Link) close() {
	for _, p := range l.proxies {
		p.Stop()
	}
	for _, f := range l.forwarders {
		f.close()
	}
}

// Cut resets the connections and refuses new ones.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.proxies {
		p.Stop()
	}
}

// CutFrom does so for the nth broker alone.
func (l *Link) CutFrom(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.proxies[n].Stop()
}

// Silence loses whatever is sent, both ways; connections stay open until Heal
// resets them.
func (l *Link) Silence() error { return l.poison(`"type":"timeout","attributes":{"timeout":0}`) }

// Slow delays whatever is sent, both ways.
func (l *Link) Slow(by, jitter time.Duration) error {
	return l.poison(fmt.Sprintf(`"type":"latency","attributes":{"latency":%d,"jitter":%d}`, by.Milliseconds(), jitter.Milliseconds()))
}

func (l *Link) poison(toxic string) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.proxies {
		for _, way := range []string{"upstream", "downstream"} {
			_, e := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"name":%q,"stream":%q,%s}`, way, way, toxic)))
			err = errors.Join(err, e)
		}
	}
	return err
}

// Heal ends every fault.
func (l *Link) Heal(ctx context.Context) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.proxies {
		p.Toxics.ResetToxics(ctx)
		if e := p.Start(); !errors.Is(e, toxiproxy.ErrProxyAlreadyStarted) {
			err = errors.Join(err, e)
		}
	}
	return err
}
