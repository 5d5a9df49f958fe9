package stomp_test

import (
	"bytes"
	"testing"

	"rollcall.dev/services/edge/stomp"
)

const typical = "SEND\ndestination:/topic/room.1\ncontent-type:application/json\ncontent-length:27\nreceipt:r-17\n\n" +
	`{"text":"hello, everybody"}` + "\x00"

func BenchmarkParse(b *testing.B) {
	limits := stomp.DefaultLimits()
	p := stomp.NewParser(&limits)
	p.SetVersion(stomp.V12)
	data := []byte(typical)
	var f stomp.Frame
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		p.Push(data)
		if ok, err := p.Next(&f); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkAppendFrame(b *testing.B) {
	body := []byte(`{"type":"message","channel":"room.1","body":"hello, everybody"}`)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = stomp.AppendFrame(buf[:0], stomp.V12, stomp.Message, body,
			"destination", "/topic/room.1", "subscription", "sub-0", "message-id", "7:41020", "content-type", "application/json")
	}
}

func BenchmarkFanoutHead(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = stomp.AppendMessageHead(buf[:0], stomp.V12, "sub-0", "7:41020")
	}
}

// Parsing and encoding a typical frame costs no allocation.
func TestNoAllocations(t *testing.T) {
	limits := stomp.DefaultLimits()
	p := stomp.NewParser(&limits)
	p.SetVersion(stomp.V12)
	var f stomp.Frame
	data, body := []byte(typical), []byte("body")
	buf := bytes.NewBuffer(make([]byte, 0, 1024)).AvailableBuffer()
	once := func() {
		p.Push(data)
		if ok, err := p.Next(&f); !ok || err != nil {
			t.Fatal(ok, err)
		}
		buf = stomp.AppendFrame(buf[:0], stomp.V12, stomp.Message, body, "destination", "/topic/a", "message-id", "7:1")
		buf = stomp.AppendMessageHead(buf[:0], stomp.V12, "sub-0", "7:1")
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
