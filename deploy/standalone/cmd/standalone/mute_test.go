package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// mute begins a session and says nothing more, also not to a close frame.
func mute(t *testing.T, addr, user string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	const handshake = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n"
	if _, err := io.WriteString(conn, handshake); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("upgrade: %v, %v", res, err)
	}
	connect := "CONNECT\naccept-version:1.2\nhost:x\nlogin:" + user + "\n\n\x00"
	// One text frame, masked with zeros: it stands there as it is.
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(connect)), 0, 0, 0, 0}, connect...)); err != nil {
		t.Fatal(err)
	}
	var welcome [11]byte // frame header and command
	if _, err := io.ReadFull(in, welcome[:]); err != nil || !strings.Contains(string(welcome[:]), "CONNECT") {
		t.Fatalf("answer %q, %v", welcome, err)
	}
}
