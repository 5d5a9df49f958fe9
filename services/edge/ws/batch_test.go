package ws

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sink is a net.Conn that keeps what is written.
type sink struct {
	net.Conn
	bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) { return s.Buffer.Write(p) }
func (s *sink) Read(p []byte) (int, error)  { return s.Buffer.Read(p) }

// Whatever is put into a batch comes out as these frames in this order, and
// its size is what is written; also when it is used again.
func TestBatchWritesWhatItWasGiven(t *testing.T) {
	b := new(batch)
	rapid.Check(t, func(t *rapid.T) {
		var want []byte
		for range rapid.IntRange(1, 8).Draw(t, "frames") {
			head := []byte(strings.Repeat("h", rapid.SampledFrom([]int{0, 1, 60, 125}).Draw(t, "head")))
			tail := []byte(strings.Repeat("t", rapid.SampledFrom([]int{0, 1, 126, copyBelow - 1, copyBelow, 5000, 70_000}).Draw(t, "tail")))
			if rapid.Bool().Draw(t, "raw") {
				b.raw(ping)
				want = append(want, ping...)
			}
			b.message(opText, head, tail)
			want = append(appendHeader(want, opText, len(head)+len(tail)), head...)
			want = append(want, tail...)
			clear(head) // was copied
		}
		if b.size != len(want) {
			t.Fatalf("size %d, %d bytes were given", b.size, len(want))
		}
		var out sink
		if err := b.writeTo(&out); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("%v; wrote %d bytes, want %d", err, out.Len(), len(want))
		}
		b.reset()
	})
}

// The guard follows frames as gws's reader does, however they are cut, and
// stops before the first one whose length is impossible.
func FuzzGuard(f *testing.F) {
	f.Add([]byte("\x81\x81\x01\x02\x03\x04x\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"), uint8(9))
	f.Add([]byte("\x89\x00\x81\xfe\x00\x01\x01\x02\x03\x04x\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01y"), uint8(3))
	f.Add([]byte("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), uint8(5))
	f.Fuzz(func(t *testing.T, stream []byte, at uint8) {
		wantSound, wantBad := reference(stream)
		var g guard
		cut := min(int(at), len(stream))
		first, err := g.scan(stream[:cut])
		if err == nil && first != cut {
			t.Fatalf("%d of %d bytes are sound without an error", first, cut)
		}
		sound := first
		if err == nil {
			var n int
			n, err = g.scan(stream[cut:])
			sound += n
		}
		if (err != nil) != wantBad {
			t.Fatalf("error %v, want one: %v", err, wantBad)
		}
		// A bad header that began in the first piece was passed on already.
		if !wantBad && sound != len(stream) || wantBad && sound != max(wantSound, min(cut, sound)) {
			t.Fatalf("%d bytes are sound, want %d", sound, wantSound)
		}
	})
}

// reference is how many bytes of a whole stream lie before the first bad frame.
func reference(stream []byte) (sound int, bad bool) {
	for at := 0; at+2 <= len(stream); {
		length, header := uint64(stream[at+1]&0x7f), 2
		switch length {
		case 126:
			header = 4
		case 127:
			header = 10
		}
		if at+header > len(stream) {
			break
		}
		if header > 2 {
			length = 0
			for _, b := range stream[at+2 : at+header] {
				length = length<<8 + uint64(b)
			}
		}
		if int64(length) < 0 {
			return at, true
		}
		if stream[at+1]&0x80 != 0 {
			header += 4
		}
		if length > uint64(len(stream)) {
			break
		}
		at += header + int(length)
	}
	return len(stream), false
}
