package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Sequence orders what one source has written to one partition. For an edge
// Offset counts its events in that partition from 1 within an epoch and Index
// is 0; for a task Offset is that of the input and Index counts the outputs of
// that input from 0. As text: 16 digits, a dot, at least 4 digits.
type Sequence struct {
	Offset int64
	Index  int
}

// Above reports whether s comes after o.
func (s Sequence) Above(o Sequence) bool {
	return s.Offset > o.Offset || s.Offset == o.Offset && s.Index > o.Index
}

// AppendText implements encoding.TextAppender.
func (s Sequence) AppendText(b []byte) ([]byte, error) {
	b = appendPadded(b, s.Offset, 16)
	b = append(b, '.')
	return appendPadded(b, int64(s.Index), 4), nil
}

// MarshalText implements encoding.TextMarshaler.
func (s Sequence) MarshalText() ([]byte, error) { return s.AppendText(make([]byte, 0, 24)) }

func (s Sequence) String() string {
	b, _ := s.AppendText(make([]byte, 0, 24))
	return string(b)
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sequence) UnmarshalText(text []byte) error {
	offset, index, ok := strings.Cut(string(text), ".")
	o, err := strconv.ParseUint(offset, 10, 63)
	if err != nil || !ok {
		return fmt.Errorf("sequence %q: want offset.index", text)
	}
	i, err := strconv.ParseUint(index, 10, 31)
	if err != nil {
		return fmt.Errorf("sequence %q: want offset.index", text)
	}
	*s = Sequence{Offset: int64(o), Index: int(i)}
	return nil
}

func appendPadded(b []byte, n int64, width int) []byte {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	for ; digits < width; digits++ {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, n, 10)
}

// SourceKind tells the writers of events apart.
type SourceKind string

// The kinds of sources: /edges/{edge}/{epoch}, /tasks/{service}-{incarnation}/{partition},
// /api/{instance}.
const (
	SourceEdge  SourceKind = "edges"
	SourceTask  SourceKind = "tasks"
	SourceAPI   SourceKind = "api"
	SourceOther SourceKind = ""
)

// Source is a parsed CloudEvents source.
type Source struct {
	Kind SourceKind
	// Name is the edge id, the task's service and incarnation, or the instance.
	Name string
	// Number is the epoch of an edge or the partition of a task.
	Number int64
}

// EdgeSource is the source of an edge's epoch, "/edges/edge-0/41".
func EdgeSource(edge string, epoch int64) string {
	return "/edges/" + edge + "/" + strconv.FormatInt(epoch, 10)
}

// TaskSource is the source of a partition task, "/tasks/presence-01K…/7". The
// incarnation is that of the input topic as the changelog remembers it: a
// topic that is made anew counts its offsets from 0, so its stamps must not
// look like repeats of the old one's.
func TaskSource(service, incarnation string, partition int32) string {
	return "/tasks/" + service + "-" + incarnation + "/" + strconv.FormatInt(int64(partition), 10)
}

// APISource is the source of an instance's HTTP API.
func APISource(instance string) string { return "/api/" + instance }

// ParseSource takes a source apart. What isn't of Rollcall's has SourceOther.
func ParseSource(source string) Source {
	rest, ok := strings.CutPrefix(source, "/")
	if !ok {
		return Source{}
	}
	kind, rest, _ := strings.Cut(rest, "/")
	switch SourceKind(kind) {
	case SourceAPI:
		return Source{Kind: SourceAPI, Name: rest}
	case SourceEdge, SourceTask:
		slash := strings.LastIndexByte(rest, '/')
		if slash < 1 {
			return Source{}
		}
		n, err := strconv.ParseInt(rest[slash+1:], 10, 64)
		if err != nil || n < 0 {
			return Source{}
		}
		return Source{Kind: SourceKind(kind), Name: rest[:slash], Number: n}
	default:
		return Source{}
	}
}

// EventID derives an event's id from its stamp and, because an edge counts per
// partition, from the place that the sequence counts in. CloudEvents 1.0
// section 3.1.1: source and id together are unique.
func EventID(source, topic string, partition int32, seq Sequence) string {
	b := make([]byte, 0, len(source)+len(topic)+32)
	b = append(b, strings.TrimPrefix(source, "/")...)
	b = append(b, '/')
	b = append(b, topic...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(partition), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, seq.Offset, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, int64(seq.Index), 10)
	return string(b)
}
