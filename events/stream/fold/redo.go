package fold

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// redoChunks packs changes into the values of redo records, each at most limit
// bytes: the flush's number, then for each change the key and the value with
// their lengths. A length of 0 stands for a tombstone, else it is one more
// than the value's.
func redoChunks(flush int64, changes []Change, limit int) ([]Change, error) {
	// A chunk has its own record overhead and the flush in front.
	parts := split(changes, limit-2*recordOverhead)
	chunks := make([]Change, len(parts))
	for i, part := range parts {
		value := binary.AppendVarint(nil, flush)
		for _, c := range part {
			value = appendBytes(value, len(c.Key)+1, c.Key)
			if c.Value == nil {
				value = append(value, 0)
			} else {
				value = appendBytes(value, len(c.Value)+1, string(c.Value))
			}
		}
		chunks[i] = Change{Key: redoKey(i), Value: value}
		if chunks[i].size() > limit {
			return nil, errors.New("a change is larger than a batch")
		}
	}
	return chunks, nil
}

func appendBytes(dst []byte, n int, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(n)), s...)
}

var errTornChunk = errors.New("redo chunk ends in the middle of a change")

// readChunk unpacks the value of a redo record.
func readChunk(value []byte) (flush int64, changes []Change, err error) {
	flush, n := binary.Varint(value)
	if n <= 0 {
		return 0, nil, errTornChunk
	}
	for value = value[n:]; len(value) > 0; {
		key, rest, ok := readBytes(value)
		if !ok || key == nil {
			return 0, nil, errTornChunk
		}
		v, rest, ok := readBytes(rest)
		if !ok {
			return 0, nil, errTornChunk
		}
		changes = append(changes, Change{Key: string(key), Value: v})
		value = rest
	}
	return flush, changes, nil
}

func readBytes(b []byte) (v, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used)+1 {
		return nil, nil, false
	}
	if n == 0 {
		return nil, b[used:], true
	}
	end := used + int(n-1)
	return b[used:end:end], b[end:], true
}

// redoNumber is the number in a redo record's key, -1 if it isn't one.
func redoNumber(key string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(key, prefixRedo))
	if err != nil {
		return -1
	}
	return n
}
