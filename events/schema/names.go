package schema

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names, in bytes.
const (
	MaxChannelLen = 128
	MaxUserLen    = 128
	MaxSessionLen = 128
	// MaxEdgeLen is that of an instance's id, a host name more often than not.
	MaxEdgeLen = 255
)

// PersonalPrefix begins the name of a personal channel: "@alice" has one
// possible member, alice, for as long as she has a session anywhere.
const PersonalPrefix = "@"

// Personal is the personal channel of a user.
func Personal(user string) string { return PersonalPrefix + user }

// IsPersonal reports whether a channel is a personal one.
func IsPersonal(channel string) bool { return strings.HasPrefix(channel, PersonalPrefix) }

// CheckChannel reports what is wrong with a channel name that a client may
// use: [A-Za-z0-9._:-]{1,128}. Personal channels are refused here.
func CheckChannel(name string) error {
	if name == "" {
		return errors.New("channel name is empty")
	}
	if len(name) > MaxChannelLen {
		return fmt.Errorf("channel name has %d bytes, at most %d are allowed", len(name), MaxChannelLen)
	}
	for i := 0; i < len(name); i++ {
		if !channelByte(name[i]) {
			return fmt.Errorf("channel name %q: only A-Z a-z 0-9 . _ : - are allowed", name)
		}
	}
	return nil
}

func channelByte(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	default:
		return c == '.' || c == '_' || c == ':' || c == '-'
	}
}

// CheckUser reports what is wrong with a user id: 1 to 128 bytes of UTF-8
// without control characters.
func CheckUser(id string) error {
	switch {
	case id == "":
		return errors.New("user id is empty")
	case len(id) > MaxUserLen:
		return fmt.Errorf("user id has %d bytes, at most %d are allowed", len(id), MaxUserLen)
	case !utf8.ValidString(id):
		return errors.New("user id is not UTF-8")
	case strings.IndexFunc(id, unicode.IsControl) >= 0:
		return errors.New("user id has control characters")
	}
	return nil
}

// MailboxPartition chooses the partition of an edge's mailbox. An ordinal at
// the end of the id ("edge-7", as a StatefulSet names its pods) keeps edges
// apart; other ids are spread by hash, and edges that share a partition tell
// their records apart by key.
func MailboxPartition(edge string, partitions int) int32 {
	digits := len(edge)
	for digits > 0 && edge[digits-1] >= '0' && edge[digits-1] <= '9' {
		digits--
	}
	if n, err := strconv.ParseUint(edge[digits:], 10, 32); err == nil {
		return int32(n % uint64(partitions))
	}
	h := uint32(2166136261) // FNV-1a
	for i := 0; i < len(edge); i++ {
		h = (h ^ uint32(edge[i])) * 16777619
	}
	return int32(h % uint32(partitions))
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }
