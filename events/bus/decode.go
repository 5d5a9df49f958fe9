package bus

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

const (
	attrCompression   = 0x07
	attrLogAppendTime = 0x08
	attrControl       = 0x20
	// maxDecompressed bounds what a compressed batch may grow to.
	maxDecompressed = 128 << 20
	minRecordSize   = 7
	maxInterned     = 128
)

// decoder turns the record sets of fetch responses into records. It keeps the
// header keys it has seen, for they repeat with every record.
type decoder struct {
	topic     string
	partition int32
	keys      map[string]string
}

// recordSet decodes the whole batches in set and returns the records at or
// above from, and the offset behind the last whole batch (from, if none): that
// also leads over control batches, over batches that compaction has emptied,
// and over the emptied tail of a batch. A batch cut off at the end is left out.
func (d *decoder) recordSet(set []byte, from int64) (recs []Record, next int64, err error) {
	next = from
	for len(set) >= batchHeaderSize {
		length := int64(int32(binary.BigEndian.Uint32(set[batchLengthAt:])))
		if length < batchHeaderSize-batchLengthMissing {
			return recs, next, fmt.Errorf("record batch at offset %d: impossible length %d", next, length)
		}
		if int64(len(set)) < length+batchLengthMissing {
			break
		}
		batch := set[:length+batchLengthMissing]
		set = set[len(batch):]
		var end int64
		if recs, end, err = d.batch(batch, from, recs); err != nil {
			return recs, next, err
		}
		next = max(next, end)
	}
	return recs, next, nil
}

func (d *decoder) batch(b []byte, from int64, recs []Record) ([]Record, int64, error) {
	be := binary.BigEndian
	base := int64(be.Uint64(b))
	if b[magicAt] != 2 {
		return recs, 0, fmt.Errorf("record batch at offset %d: message format %d is not supported", base, b[magicAt])
	}
	if sum := crc32.Checksum(b[attributesAt:], castagnoli); sum != be.Uint32(b[crcAt:]) {
		return recs, 0, fmt.Errorf("record batch at offset %d: checksum mismatch", base)
	}
	attrs := be.Uint16(b[attributesAt:])
	end := base + int64(int32(be.Uint32(b[lastOffsetDeltaAt:]))) + 1
	count := int(int32(be.Uint32(b[recordCountAt:])))
	if attrs&attrControl != 0 || count <= 0 || end <= from {
		return recs, end, nil
	}
	body, err := decompress(attrs, b[batchHeaderSize:])
	if err != nil {
		return recs, 0, fmt.Errorf("record batch at offset %d: %w", base, err)
	}
	stamp := batchTime{first: int64(be.Uint64(b[firstTimestampAt:]))}
	if attrs&attrLogAppendTime != 0 {
		stamp = batchTime{first: int64(be.Uint64(b[maxTimestampAt:])), fixed: true}
	}
	if recs == nil {
		recs = make([]Record, 0, min(count, len(body)/minRecordSize+1))
	}
	c := cursor{b: body}
	for range count {
		rec, ok := d.record(&c, base, from, stamp)
		if c.err != nil {
			return recs, 0, fmt.Errorf("record batch at offset %d: %w", base, c.err)
		}
		if ok {
			recs = append(recs, rec)
		}
	}
	return recs, end, nil
}

// batchTime gives records their time: their own, or the broker's for all.
type batchTime struct {
	first int64
	fixed bool
}

func (s batchTime) at(delta int64) time.Time {
	if s.fixed {
		delta = 0
	}
	return time.UnixMilli(s.first + delta)
}

func (d *decoder) record(c *cursor, base, from int64, stamp batchTime) (Record, bool) {
	body := cursor{b: c.varbytes(), err: c.err}
	body.int8() // attributes: none defined
	timeDelta := body.varint()
	offset := base + body.varint()
	if body.err != nil || offset < from {
		c.err = body.err
		return Record{}, false
	}
	rec := Record{
		Topic: d.topic, Partition: d.partition, Offset: offset, Time: stamp.at(timeDelta),
		Key: body.varbytes(), Value: body.varbytes(),
	}
	rec.Headers = d.headers(&body)
	c.err = body.err
	return rec, true
}

func (d *decoder) headers(c *cursor) []Header {
	n := c.varint()
	if n <= 0 || c.err != nil {
		return nil
	}
	if n > int64(len(c.b)) { // a header takes two bytes at least
		c.err = errShort
		return nil
	}
	out := make([]Header, n)
	for i := range out {
		out[i] = Header{Key: d.intern(c.varbytes()), Value: c.varbytes()}
	}
	return out
}

func (d *decoder) intern(key []byte) string {
	if s, ok := d.keys[string(key)]; ok {
		return s
	}
	s := string(key)
	if d.keys == nil {
		d.keys = make(map[string]string)
	}
	if len(d.keys) < maxInterned && len(s) < 128 {
		d.keys[s] = s
	}
	return s
}

func decompress(attrs uint16, body []byte) ([]byte, error) {
	kind := compress.Compression(attrs & attrCompression)
	if kind == compress.None {
		return body, nil
	}
	codec := kind.Codec()
	if codec == nil {
		return nil, fmt.Errorf("unknown compression %d", kind)
	}
	r := codec.NewReader(bytes.NewReader(body))
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, maxDecompressed+1))
	if err != nil {
		return nil, fmt.Errorf("decompress %s: %w", kind, err)
	}
	if len(out) > maxDecompressed {
		return nil, fmt.Errorf("decompress %s: more than %d bytes", kind, maxDecompressed)
	}
	return out, nil
}
