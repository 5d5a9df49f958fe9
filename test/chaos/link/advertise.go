package link

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// maxFrame bounds a request or an answer: Kafka's own limit on a request.
const maxFrame = 100 << 20

// forwarder passes the frames of Kafka's protocol on to one broker, and puts
// the addresses of the proxies in the place of the brokers' own, where an
// answer names them. Kafka's clients go where it says, so without it they
// would go round the proxies.
type forwarder struct {
	listener net.Listener
	broker   string
	instead  func(broker string) (proxy string)

	mu     sync.Mutex
	conns  map[net.Conn]bool // nil once closed
	served sync.WaitGroup
}

func startForwarder(broker string, instead func(string) string) (*forwarder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: l, broker: broker, instead: instead, conns: map[net.Conn]bool{}}
	f.served.Go(f.accept)
	return f, nil
}

func (f *forwarder) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close()
	}
	f.conns = nil
	f.mu.Unlock()
	f.served.Wait()
}

// keep remembers connections, so that close ends them; false after it.
func (f *forwarder) keep(conns ...net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		if f.conns == nil {
			_ = c.Close()
			continue
		}
		f.conns[c] = true
	}
	return f.conns != nil
}

func (f *forwarder) drop(conns ...net.Conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(f.conns, c)
	}
}

func (f *forwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.served.Go(func() { f.serve(client) })
	}
}

// serve ends when either side does. A broker that isn't there looks like one
// that hangs up at once.
func (f *forwarder) serve(client net.Conn) {
	broker, err := net.Dial("tcp", f.broker)
	if err != nil {
		_ = client.Close()
		return
	}
	if !f.keep(client, broker) {
		return
	}
	defer f.drop(client, broker)
	asked := &asked{versions: map[int32]int16{}, keys: map[int32]protocol.ApiKey{}}
	var requests sync.WaitGroup
	requests.Go(func() {
		_ = forward(broker, client, asked.note)
		f.drop(client, broker)
	})
	_ = forward(client, broker, func(frame []byte) ([]byte, error) { return asked.rewrite(frame, f.instead) })
	f.drop(client, broker)
	requests.Wait()
}

// forward passes frames on until one side ends; each goes through edit, which
// sees it with its four bytes of length.
func forward(to io.Writer, from io.Reader, edit func([]byte) ([]byte, error)) error {
	r := bufio.NewReader(from)
	for {
		head, err := r.Peek(4)
		if err != nil {
			return err
		}
		size := binary.BigEndian.Uint32(head)
		if size < 4 || size > maxFrame { // an answer may be as short as a correlation id
			return fmt.Errorf("a frame of %d bytes", size)
		}
		frame := make([]byte, 4+size)
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		if frame, err = edit(frame); err != nil {
			return err
		}
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}

// asked are the requests of a connection whose answers name brokers, by
// correlation id.
type asked struct {
	mu       sync.Mutex
	versions map[int32]int16
	keys     map[int32]protocol.ApiKey
}

func (a *asked) note(frame []byte) ([]byte, error) {
	if len(frame) < 12 {
		return nil, errors.New("a request without a header")
	}
	key := protocol.ApiKey(binary.BigEndian.Uint16(frame[4:]))
	if key == protocol.Metadata || key == protocol.FindCoordinator {
		id := int32(binary.BigEndian.Uint32(frame[8:]))
		a.mu.Lock()
		a.keys[id], a.versions[id] = key, int16(binary.BigEndian.Uint16(frame[6:]))
		a.mu.Unlock()
	}
	return frame, nil
}

func (a *asked) rewrite(frame []byte, instead func(string) string) ([]byte, error) {
	id := int32(binary.BigEndian.Uint32(frame[4:]))
	a.mu.Lock()
	key, named := a.keys[id]
	version := a.versions[id]
	delete(a.keys, id)
	delete(a.versions, id)
	a.mu.Unlock()
	if !named {
		return frame, nil
	}
	_, answer, err := protocol.ReadResponse(bytes.NewReader(frame), key, version)
	if err != nil {
		return nil, fmt.Errorf("read the answer to %s v%d: %w", key, version, err)
	}
	switch answer := answer.(type) {
	case *metadata.Response:
		for i := range answer.Brokers {
			b := &answer.Brokers[i]
			b.Host, b.Port = replace(b.Host, b.Port, instead)
		}
	case *findcoordinator.Response:
		answer.Host, answer.Port = replace(answer.Host, answer.Port, instead)
	}
	var out bytes.Buffer
	if err := protocol.WriteResponse(&out, version, id, answer); err != nil {
		return nil, fmt.Errorf("write the answer to %s v%d: %w", key, version, err)
	}
	return out.Bytes(), nil
}

func replace(host string, port int32, instead func(string) string) (string, int32) {
	addr := instead(net.JoinHostPort(host, strconv.Itoa(int(port))))
	h, p, err := net.SplitHostPort(addr)
	n, err2 := strconv.Atoi(p)
	if err != nil || err2 != nil {
		return host, port // no coordinator: an empty host
	}
	return h, int32(n)
}
