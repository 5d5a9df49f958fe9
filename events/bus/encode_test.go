package bus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"pgregory.net/rapid"
)

// encodeBatch encodes records the way the producer does.
func encodeBatch(recs []Record, id producerID, sequence int32) []byte {
	var e batchEncoder
	e.begin(nil)
	for i := range recs {
		e.add(&recs[i], time.UnixMilli(1_700_000_000_000))
	}
	e.seal(id, sequence)
	return e.buf
}

// kafkaGoDecode decodes a batch with kafka-go's own decoder.
func kafkaGoDecode(t testing.TB, batch []byte) ([]Record, *protocol.RecordBatch) {
	t.Helper()
	var rs protocol.RecordSet
	prefixed := binary.BigEndian.AppendUint32(nil, uint32(len(batch)))
	if _, err := rs.ReadFrom(bytes.NewReader(append(prefixed, batch...))); err != nil {
		t.Fatalf("kafka-go can't decode: %v", err)
	}
	stream := rs.Records.(*protocol.RecordStream)
	if len(stream.Records) != 1 {
		t.Fatalf("%d batches", len(stream.Records))
	}
	rb := stream.Records[0].(*protocol.RecordBatch)
	var out []Record
	for {
		r, err := rb.ReadRecord()
		if errors.Is(err, io.EOF) {
			return out, rb
		}
		if err != nil {
			t.Fatal(err)
		}
		rec := Record{Offset: r.Offset, Time: r.Time, Key: readBytes(t, r.Key), Value: readBytes(t, r.Value)}
		for _, h := range r.Headers {
			rec.Headers = append(rec.Headers, Header(h))
		}
		out = append(out, rec)
	}
}

func readBytes(t testing.TB, b protocol.Bytes) []byte {
	t.Helper()
	if b == nil {
		return nil
	}
	out, err := protocol.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func genBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.Just[[]byte](nil), rapid.Just([]byte{}),
		rapid.SliceOfN(rapid.Byte(), 1, 300),
	)
}

func genRecord() *rapid.Generator[Record] {
	return rapid.Custom(func(t *rapid.T) Record {
		r := Record{Key: genBytes().Draw(t, "key"), Value: genBytes().Draw(t, "value")}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, Header{Key: rapid.StringN(0, 20, 60).Draw(t, "header"), Value: genBytes().Draw(t, "header value")})
		}
		if rapid.Bool().Draw(t, "timed") {
			r.Time = time.UnixMilli(rapid.Int64Range(0, 4_000_000_000_000).Draw(t, "time"))
		}
		return r
	})
}

func TestEncodeProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		recs := rapid.SliceOfN(genRecord(), 1, 40).Draw(rt, "records")
		id := producerID{id: rapid.Int64().Draw(rt, "id"), epoch: rapid.Int16().Draw(rt, "epoch")}
		sequence := rapid.Int32().Draw(rt, "sequence")
		batch := encodeBatch(recs, id, sequence)

		theirs, rb := kafkaGoDecode(t, batch)
		if rb.ProducerID != id.id || rb.ProducerEpoch != id.epoch || rb.BaseSequence != sequence {
			rt.Fatalf("identity %d %d %d, want %+v %d", rb.ProducerID, rb.ProducerEpoch, rb.BaseSequence, id, sequence)
		}
		d := decoder{}
		ours, next, err := d.recordSet(batch, 0)
		if err != nil || next != int64(len(recs)) {
			rt.Fatalf("decode: next %d, %v", next, err)
		}
		for i := range recs {
			if !sameRecord(recs[i], theirs[i]) || !sameRecord(recs[i], ours[i]) {
				rt.Fatalf("record %d: in %+v, kafka-go %+v, own %+v", i, recs[i], theirs[i], ours[i])
			}
			if !ours[i].Time.Equal(theirs[i].Time) || ours[i].Offset != theirs[i].Offset {
				rt.Fatalf("record %d: kafka-go %v at %d, own %v at %d", i, theirs[i].Time, theirs[i].Offset, ours[i].Time, ours[i].Offset)
			}
		}
		checkSizes(rt, recs, len(batch))
	})
}

// checkSizes holds the size functions to what was encoded.
func checkSizes(t *rapid.T, recs []Record, encoded int) {
	timed := slices.IndexFunc(recs, func(r Record) bool { return !r.Time.IsZero() }) >= 0
	if n := BatchSize(recs); n < encoded || !timed && n != encoded {
		t.Fatalf("BatchSize %d, encoded %d", n, encoded)
	}
	bound := batchHeaderSize
	for i := range recs {
		bound += recordBound(&recs[i])
	}
	if bound < encoded {
		t.Fatalf("bound %d, encoded %d", bound, encoded)
	}
}

// Found by the properties above: a time 70 years off takes seven bytes.
func TestBatchSizeOfDistantTimes(t *testing.T) {
	recs := []Record{{Value: []byte("now")}, {Value: []byte("then"), Time: time.UnixMilli(1 << 43)}}
	if n, encoded := BatchSize(recs), len(encodeBatch(recs, noProducerID, -1)); n < encoded {
		t.Errorf("BatchSize %d, encoded %d", n, encoded)
	}
}

func TestVarintSize(t *testing.T) {
	for _, v := range []int64{0, 1, -1, 63, 64, -64, -65, 8191, 8192, math.MaxInt32, math.MaxInt64, math.MinInt64} {
		if got, want := varintSize(v), len(binary.AppendVarint(nil, v)); got != want {
			t.Errorf("varintSize(%d) = %d, want %d", v, got, want)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), "header", []byte("h"), int64(1_700_000_000_000), uint8(3))
	f.Add([]byte(nil), []byte{}, "", []byte(nil), int64(0), uint8(1))
	f.Fuzz(func(t *testing.T, key, value []byte, header string, headerValue []byte, ms int64, n uint8) {
		if ms < 0 || ms > 1<<50 {
			t.Skip("times that kafka-go can't tell")
		}
		var recs []Record
		for i := range int(n%20) + 1 {
			r := Record{Key: key, Value: value, Headers: []Header{{Key: header, Value: headerValue}}}
			if i%2 == 0 {
				r.Time = time.UnixMilli(ms + int64(i))
			}
			recs = append(recs, r)
		}
		out, _ := kafkaGoDecode(t, encodeBatch(recs, producerID{7, 1}, 9))
		if len(out) != len(recs) {
			t.Fatalf("%d records, want %d", len(out), len(recs))
		}
		for i := range recs {
			if !sameRecord(recs[i], out[i]) {
				t.Fatalf("record %d: got %+v, want %+v", i, out[i], recs[i])
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	rec := Record{Key: []byte("user-12345678"), Value: bytes.Repeat([]byte("x"), 300)}
	var e batchEncoder
	e.begin(nil)
	b.ReportAllocs()
	for b.Loop() {
		e.add(&rec, time.UnixMilli(1))
		if e.size() > MaxBatchBytes {
			e.seal(producerID{1, 1}, 1)
			e.begin(e.buf[:0])
		}
	}
}
