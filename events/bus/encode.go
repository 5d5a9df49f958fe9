package bus

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"time"
)

// The record batch, magic 2 (Kafka protocol guide, "Record Batch"). Offsets of
// its header fields from the batch's first byte:
const (
	batchLengthAt      = 8
	leaderEpochAt      = 12
	magicAt            = 16
	crcAt              = 17
	attributesAt       = 21 // the CRC covers everything from here on
	lastOffsetDeltaAt  = 23
	firstTimestampAt   = 27
	maxTimestampAt     = 35
	producerIDAt       = 43
	producerEpochAt    = 51
	baseSequenceAt     = 53
	recordCountAt      = 57
	batchHeaderSize    = 61
	batchLengthMissing = 12 // base offset and length aren't counted in the length
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// producerID is what a broker orders and deduplicates batches by.
type producerID struct {
	id    int64
	epoch int16
}

var noProducerID = producerID{id: -1, epoch: -1}

// follows reports that the id was bumped once, and from former.
func (p producerID) follows(former producerID) bool {
	return former != noProducerID && p.id == former.id && p.epoch == former.epoch+1
}

// batchEncoder appends records to a buffer as one batch. begin, add as often
// as needed, seal.
type batchEncoder struct {
	buf   []byte // starts with foreign bytes up to start
	start int
	count int32
	first int64 // timestamps in ms
	max   int64
}

func (e *batchEncoder) begin(buf []byte) {
	*e = batchEncoder{buf: append(buf, make([]byte, batchHeaderSize)...), start: len(buf)}
}

func (e *batchEncoder) add(rec *Record, now time.Time) {
	ts := now.UnixMilli()
	if !rec.Time.IsZero() {
		ts = rec.Time.UnixMilli()
	}
	if e.count == 0 {
		e.first, e.max = ts, ts
	}
	e.max = max(e.max, ts)
	e.buf = appendRecord(e.buf, rec, ts-e.first, int64(e.count))
	e.count++
}

// size is the batch's length so far in bytes.
func (e *batchEncoder) size() int { return len(e.buf) - e.start }

// seal writes the header. It may be called again with another identity.
func (e *batchEncoder) seal(id producerID, sequence int32) {
	b := e.buf[e.start:]
	be := binary.BigEndian
	be.PutUint64(b, 0) // base offset: the broker's to give
	be.PutUint32(b[batchLengthAt:], uint32(len(b)-batchLengthMissing))
	be.PutUint32(b[leaderEpochAt:], 0xffffffff)
	b[magicAt] = 2
	be.PutUint16(b[attributesAt:], 0) // no compression, CreateTime, not transactional
	be.PutUint32(b[lastOffsetDeltaAt:], uint32(e.count-1))
	be.PutUint64(b[firstTimestampAt:], uint64(e.first))
	be.PutUint64(b[maxTimestampAt:], uint64(e.max))
	be.PutUint64(b[producerIDAt:], uint64(id.id))
	be.PutUint16(b[producerEpochAt:], uint16(id.epoch))
	be.PutUint32(b[baseSequenceAt:], uint32(sequence))
	be.PutUint32(b[recordCountAt:], uint32(e.count))
	be.PutUint32(b[crcAt:], crc32.Checksum(b[attributesAt:], castagnoli))
}

func appendRecord(b []byte, rec *Record, timeDelta, offsetDelta int64) []byte {
	b = binary.AppendVarint(b, int64(recordBodySize(rec, timeDelta, offsetDelta)))
	b = append(b, 0) // attributes: none defined
	b = binary.AppendVarint(b, timeDelta)
	b = binary.AppendVarint(b, offsetDelta)
	b = appendVarBytes(b, rec.Key)
	b = appendVarBytes(b, rec.Value)
	b = binary.AppendVarint(b, int64(len(rec.Headers)))
	for i := range rec.Headers {
		h := &rec.Headers[i]
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendVarBytes(b, h.Value)
	}
	return b
}

func appendVarBytes(b, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(b, -1)
	}
	b = binary.AppendVarint(b, int64(len(v)))
	return append(b, v...)
}

func recordBodySize(rec *Record, timeDelta, offsetDelta int64) int {
	n := 1 + varintSize(timeDelta) + varintSize(offsetDelta) +
		varBytesSize(rec.Key) + varBytesSize(rec.Value) + varintSize(int64(len(rec.Headers)))
	for i := range rec.Headers {
		h := &rec.Headers[i]
		n += varintSize(int64(len(h.Key))) + len(h.Key) + varBytesSize(h.Value)
	}
	return n
}

func varBytesSize(v []byte) int {
	if v == nil {
		return 1
	}
	return varintSize(int64(len(v))) + len(v)
}

func varintSize(v int64) int {
	u := uint64(v)<<1 ^ uint64(v>>63)
	return (bits.Len64(u|1) + 6) / 7
}

// maxDelta stands for a time delta of unknown size where a bound is asked: no
// two times are further apart than 4,000 years.
const maxDelta = 1 << 47

// recordBound is the most that rec can take in any batch.
func recordBound(rec *Record) int {
	n := recordBodySize(rec, maxDelta, 1<<30)
	return n + varintSize(int64(n))
}

// BatchSize is how many bytes records take as one batch, header included: to
// be compared with MaxBatchBytes before FencedWriter.Append. It is exact when
// all or none of the records have a Time, and a bound otherwise.
func BatchSize(recs []Record) int {
	timed := 0
	for i := range recs {
		if !recs[i].Time.IsZero() {
			timed++
		}
	}
	n := batchHeaderSize
	for i := range recs {
		delta := int64(0)
		switch timed {
		case 0:
		case len(recs):
			delta = recs[i].Time.UnixMilli() - recs[0].Time.UnixMilli()
		default:
			delta = maxDelta
		}
		body := recordBodySize(&recs[i], delta, int64(i))
		n += body + varintSize(int64(body))
	}
	return n
}
