package fold

import (
	"strconv"
	"strings"

	"rollcall.dev/events/schema"
)

// take reads one byte that has to be there.
func (p *plain) take(c byte) {
	if p.odd || p.at >= len(p.text) || p.text[p.at] != c {
		p.odd = true
		return
	}
	p.at++
}

// more reports whether a comma follows, and takes it or the end.
func (p *plain) more(end byte) bool {
	if !p.odd && p.at < len(p.text) && p.text[p.at] == ',' {
		p.at++
		return true
	}
	p.take(end)
	return false
}

// string has neither escapes nor what would have to be escaped.
func (p *plain) string() string {
	p.take('"')
	if p.odd {
		return ""
	}
	n := strings.IndexByte(p.text[p.at:], '"')
	if n < 0 {
		p.odd = true
		return ""
	}
	s := p.text[p.at : p.at+n]
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == '\\' {
			p.odd = true
		}
	}
	p.at += n + 1
	return s
}

// number is a whole one.
func (p *plain) number() int64 { return p.integer(64) }

func (p *plain) number32() int32 { return int32(p.integer(32)) }

func (p *plain) integer(bits int) int64 {
	begin := p.at
	for p.at < len(p.text) && (p.text[p.at] == '-' || p.text[p.at] >= '0' && p.text[p.at] <= '9') {
		p.at++
	}
	digits := strings.TrimPrefix(p.text[begin:p.at], "-")
	n, err := strconv.ParseInt(p.text[begin:p.at], 10, bits)
	if err != nil || len(digits) > 1 && digits[0] == '0' {
		p.odd = true
	}
	return n
}

// true is what a flag says that isn't left out.
func (p *plain) true() bool {
	if p.odd || !strings.HasPrefix(p.text[p.at:], "true") {
		p.odd = true
		return false
	}
	p.at += len("true")
	return true
}

func (p *plain) time() (t schema.Time) {
	begin := p.at
	p.string()
	if p.odd || t.UnmarshalJSON(p.raw[begin:p.at]) != nil {
		p.odd = true
	}
	return t
}
