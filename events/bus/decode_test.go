package bus

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

// patch changes a batch's header and makes its checksum right again.
func patch(batch []byte, change func([]byte)) []byte {
	b := bytes.Clone(batch)
	change(b)
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[attributesAt:], castagnoli))
	return b
}

func threeRecords() []byte {
	return encodeBatch([]Record{{Value: []byte("a")}, {Value: []byte("b")}, {Value: []byte("c")}}, noProducerID, -1)
}

func at(offset int64) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint64(b, uint64(offset)) }
}

func TestDecodeSkipsWhatWasRead(t *testing.T) {
	d := decoder{topic: "t", partition: 3}
	recs, next, err := d.recordSet(patch(threeRecords(), at(10)), 11)
	if err != nil || next != 13 || strings.Join(values(recs), "") != "bc" {
		t.Fatalf("%v, next %d, %v", values(recs), next, err)
	}
	if r := recs[0]; r.Offset != 11 || r.Topic != "t" || r.Partition != 3 {
		t.Errorf("record %+v", r)
	}
}

// What compaction and transactions leave: the position advances over it.
func TestDecodeHoles(t *testing.T) {
	be := binary.BigEndian
	empty := threeRecords()[:batchHeaderSize]
	empty = patch(empty, func(b []byte) {
		at(10)(b)
		be.PutUint32(b[batchLengthAt:], batchHeaderSize-batchLengthMissing)
		be.PutUint32(b[lastOffsetDeltaAt:], 4)
		be.PutUint32(b[recordCountAt:], 0)
	})
	control := patch(threeRecords(), func(b []byte) { at(20)(b); be.PutUint16(b[attributesAt:], attrControl) })
	tail := patch(threeRecords(), func(b []byte) { at(30)(b); be.PutUint32(b[lastOffsetDeltaAt:], 9) })
	for _, c := range []struct {
		name string
		set  []byte
		next int64
		want string
	}{
		{"empty batch", empty, 15, ""},
		{"control batch", control, 23, ""},
		{"emptied tail", tail, 40, "abc"},
		{"all three", append(append(bytes.Clone(empty), control...), tail...), 40, "abc"},
		{"cut off", append(bytes.Clone(empty), tail[:len(tail)-1]...), 15, ""},
		{"nothing", nil, 5, ""},
	} {
		d := decoder{}
		recs, next, err := d.recordSet(c.set, 5)
		if err != nil || next != c.next || strings.Join(values(recs), "") != c.want {
			t.Errorf("%s: %v, next %d, %v; want %s, next %d", c.name, values(recs), next, err, c.want, c.next)
		}
	}
}

func TestDecodeTimes(t *testing.T) {
	be := binary.BigEndian
	stamped := patch(threeRecords(), func(b []byte) {
		be.PutUint16(b[attributesAt:], attrLogAppendTime)
		be.PutUint64(b[maxTimestampAt:], 1234)
	})
	d := decoder{}
	recs, _, err := d.recordSet(stamped, 0)
	if err != nil || !recs[2].Time.Equal(time.UnixMilli(1234)) {
		t.Errorf("append time %v, %v", recs[2].Time, err)
	}
}

func TestDecodeCompressed(t *testing.T) {
	plain := threeRecords()
	for kind := compress.Gzip; kind <= compress.Zstd; kind++ {
		var body bytes.Buffer
		w := kind.Codec().NewWriter(&body)
		_, _ = w.Write(plain[batchHeaderSize:])
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		batch := patch(append(bytes.Clone(plain[:batchHeaderSize]), body.Bytes()...), func(b []byte) {
			binary.BigEndian.PutUint32(b[batchLengthAt:], uint32(len(b)-batchLengthMissing))
			binary.BigEndian.PutUint16(b[attributesAt:], uint16(kind))
		})
		d := decoder{}
		recs, next, err := d.recordSet(batch, 0)
		if err != nil || next != 3 || strings.Join(values(recs), "") != "abc" {
			t.Errorf("%s: %v, next %d, %v", kind, values(recs), next, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	be := binary.BigEndian
	whole := threeRecords()
	for name, set := range map[string][]byte{
		"checksum":            func() []byte { b := bytes.Clone(whole); b[len(b)-1] ^= 1; return b }(),
		"old format":          patch(whole, func(b []byte) { b[magicAt] = 1 }),
		"length":              patch(whole, func(b []byte) { be.PutUint32(b[batchLengthAt:], 3) }),
		"negative length":     patch(whole, func(b []byte) { be.PutUint32(b[batchLengthAt:], 1<<31) }),
		"more records":        patch(whole, func(b []byte) { be.PutUint32(b[recordCountAt:], 1<<30) }),
		"unknown compression": patch(whole, func(b []byte) { be.PutUint16(b[attributesAt:], 7) }),
		"not compressed":      patch(whole, func(b []byte) { be.PutUint16(b[attributesAt:], 1) }),
	} {
		d := decoder{}
		if _, _, err := d.recordSet(set, 0); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDecodeBoundsHeaders(t *testing.T) {
	body := []byte{0, 0, 0, 1, 1} // attributes, times, null key, null value
	body = binary.AppendVarint(body, 1<<40)
	rec := append(binary.AppendVarint(nil, int64(len(body))), body...)
	batch := patch(append(bytes.Clone(threeRecords()[:batchHeaderSize]), rec...), func(b []byte) {
		binary.BigEndian.PutUint32(b[batchLengthAt:], uint32(len(b)-batchLengthMissing))
		binary.BigEndian.PutUint32(b[recordCountAt:], 1)
	})
	d := decoder{}
	if _, _, err := d.recordSet(batch, 0); err == nil {
		t.Error("a record of 2^40 headers was accepted")
	}
}

// What a broker sends must never panic or allocate beyond reason.
func FuzzDecode(f *testing.F) {
	f.Add(threeRecords(), int64(0), true)
	f.Add(patch(threeRecords(), func(b []byte) { b[attributesAt+1] = 4 }), int64(2), true)
	f.Fuzz(func(t *testing.T, set []byte, from int64, fix bool) {
		if fix && len(set) > batchHeaderSize { // let the fuzzer past length and checksum
			set = patch(set, func(b []byte) {
				binary.BigEndian.PutUint32(b[batchLengthAt:], uint32(len(b)-batchLengthMissing))
				b[magicAt] = 2
			})
		}
		d := decoder{}
		recs, next, err := d.recordSet(set, from)
		for _, r := range recs {
			if err == nil && (r.Offset < from) {
				t.Fatalf("record %d below %d", r.Offset, from)
			}
		}
		if next < from {
			t.Fatalf("next %d below %d", next, from)
		}
		_, _ = decodeFetch(cursor{b: set}, "t", 0)
	})
}

func TestAnswerIsBounded(t *testing.T) {
	for name, head := range map[string][]byte{
		"huge":        {0x7f, 0xff, 0xff, 0xff, 0, 0, 0, correlation},
		"negative":    {0xff, 0xff, 0xff, 0xff, 0, 0, 0, correlation},
		"correlation": {0, 0, 0, 4, 0, 0, 0, 9},
		"short":       {0, 0},
	} {
		rw := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(head), io.Discard}
		if _, err := (&frame{}).RawExchange(rw); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
