package fold

import (
	"encoding/json"
	"fmt"
	"strconv"

	"rollcall.dev/events/schema"
)

// partHead is the room that a part takes beside its members: field names, three
// numbers and a time.
const partHead = 192

// state encodes a channel's roster as the parts of one answer, each a
// schema.ChannelState of at most schema.MaxStatePart bytes.
func (s step) state(channel string, request int64) []json.RawMessage {
	lists := s.memberLists(channel, schema.MaxStatePart-partHead)
	parts := make([]json.RawMessage, len(lists))
	for i, members := range lists {
		part := make([]byte, 0, len(members)+partHead)
		part = append(part, `{"request":`...)
		part = strconv.AppendInt(part, request, 10)
		part = append(part, `,"part":`...)
		part = strconv.AppendInt(part, int64(i), 10)
		part = append(part, `,"parts":`...)
		part = strconv.AppendInt(part, int64(len(lists)), 10)
		part = append(part, `,"members":[`...)
		part = append(part, members...)
		part = append(part, ']')
		if len(members) == 0 {
			part = appendLastSeen(part, LastSeen(s, channel))
		}
		parts[i] = append(part, '}')
	}
	return parts
}

func appendLastSeen(part []byte, at schema.Time) []byte {
	if at.IsZero() {
		return part
	}
	text, _ := at.MarshalJSON() // never fails
	return append(append(part, `,"last_seen":`...), text...)
}

// memberLists encodes the members, separated by commas, in lists of at most
// limit bytes: one list at least, and at least one member in each of several.
func (s step) memberLists(channel string, limit int) [][]byte {
	var lists [][]byte
	var list []byte
	for _, e := range s.Scan(join(kindMember, channel)) {
		one, err := json.Marshal(e.(*Member).ChannelMember)
		if err != nil {
			panic(fmt.Sprintf("encode member: %v", err)) // a struct of strings and times encodes
		}
		if len(list) > 0 && len(list)+1+len(one) > limit {
			lists = append(lists, list)
			list = nil
		}
		if len(list) > 0 {
			list = append(list, ',')
		}
		list = append(list, one...)
	}
	return append(lists, list)
}
