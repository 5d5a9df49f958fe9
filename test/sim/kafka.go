package sim

import (
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"

	"rollcall.dev/events/schema"
)

// cluster is a Kafka of several nodes on the network, hosts kafka-0 and so on.
type cluster struct {
	net   *network
	nodes int
	opts  []kfake.Opt
	ports []int

	groups groups

	asking chan struct{} // held by who asks it something that a stopped one never answers

	mu      sync.Mutex
	running *kfake.Cluster
	made    int // listeners so far
}

// startKafka starts a cluster; with a directory it survives restarts.
func startKafka(n *network, nodes int, dir string) (*cluster, error) {
	k := &cluster{net: n, nodes: nodes, asking: make(chan struct{}, 1)}
	k.opts = []kfake.Opt{kfake.NumBrokers(nodes), kfake.ListenFn(k.listen)}
	if dir != "" {
		k.opts = append(k.opts, kfake.DataDir(dir))
	}
	if err := k.start(); err != nil {
		return nil, err
	}
	for _, addr := range k.addrs() {
		_, port, _ := net.SplitHostPort(addr)
		var p int
		if _, err := fmt.Sscan(port, &p); err != nil {
			return nil, err
		}
		k.ports = append(k.ports, p)
	}
	return k, nil
}

func kafkaHost(node int) string { return fmt.Sprintf("kafka-%d", node) }

func (k *cluster) listen(_, address string) (net.Listener, error) {
	host := kafkaHost(k.made % k.nodes)
	k.made++
	return k.net.listen(host, address)
}

func (k *cluster) start() error {
	opts := k.opts
	if k.ports != nil {
		opts = append(opts[:len(opts):len(opts)], kfake.Ports(k.ports...))
	}
	running, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("start kafka: %w", err)
	}
	k.groups.listen(running)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running = running
	return nil
}

func (k *cluster) addrs() []string { return k.now().ListenAddrs() }

func (k *cluster) now() *kfake.Cluster {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.running
}

func (k *cluster) stop() {
	k.asking <- struct{}{}
	defer func() { <-k.asking }()
	k.mu.Lock()
	c := k.running
	k.running = nil
	k.mu.Unlock()
	c.Close()
}

// group tells of one; nil while the cluster is stopped.
func (k *cluster) group(name string) *kfake.GroupInfo {
	k.asking <- struct{}{}
	defer func() { <-k.asking }()
	if c := k.now(); c != nil {
		return c.GroupInfo(name)
	}
	return nil
}

// failOver moves what a node leads to the others.
func (k *cluster) failOver(node int32, partitions int) {
	c := k.now()
	for i, spec := range (schema.Topics{}).All(partitions) {
		for p := range int32(spec.Partitions) {
			if c.LeaderFor(spec.Name, p) == node {
				_ = c.MoveTopicPartition(spec.Name, p, (node+1+(int32(i)+p)%int32(k.nodes-1))%int32(k.nodes))
			}
		}
	}
}

// shuffle moves every partition to another leader.
func (k *cluster) shuffle() { k.now().ShufflePartitionLeaders() }
