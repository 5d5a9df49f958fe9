package stomp

import "bytes"

// decode reads a whole frame, whose lines and length are checked, into f.
func (p *Parser) decode(f *Frame, whole []byte) *ParseError {
	f.reset(p.command)
	_, head := cut(whole[:p.bodyStart], '\n')
	for {
		var line []byte
		line, head = cut(head, '\n')
		if line = trimCR(line); len(line) == 0 {
			break
		}
		before, after, ok := bytes.Cut(line, []byte{':'})
		if !ok {
			return malformed("header line %q has no colon", line)
		}
		f.Headers = append(f.Headers, Header{Name: before, Value: after})
	}
	if err := p.decodeHeaders(f); err != nil {
		return err
	}
	end := len(whole) - 1
	f.Body = whole[p.bodyStart:end:end]
	return nil
}

func (p *Parser) decodeHeaders(f *Frame) *ParseError {
	trimmed := p.version == V10
	if f.Command.verbatim() {
		_, modern := f.Get("accept-version")
		trimmed = trimmed && !modern
	}
	for i := range f.Headers {
		h := &f.Headers[i]
		if trimmed {
			h.Name, h.Value = trim(h.Name), trim(h.Value)
		}
		if p.version != V10 && !f.Command.verbatim() {
			var err *ParseError
			if h.Name, err = unescape(h.Name, p.version); err != nil {
				return err
			}
			if h.Value, err = unescape(h.Value, p.version); err != nil {
				return err
			}
		}
		if len(h.Name) == 0 {
			return malformed("a header has no name")
		}
	}
	return nil
}

// unescape decodes s in place.
func unescape(s []byte, v Version) ([]byte, *ParseError) {
	at := bytes.IndexByte(s, '\\')
	if at < 0 {
		return s, nil
	}
	out := s[:at]
	for at < len(s) {
		if s[at] != '\\' {
			out = append(out, s[at])
			at++
			continue
		}
		if at+1 == len(s) {
			return nil, malformed("a header ends in a lone backslash")
		}
		plain, ok := unescaped(s[at+1], v)
		if !ok {
			return nil, malformed("undefined escape %q in a header", s[at:at+2])
		}
		out = append(out, plain)
		at += 2
	}
	return out, nil
}

// unescaped is the octet that a backslash and c stand for. STOMP 1.1 has no
// escape for CR.
func unescaped(c byte, v Version) (byte, bool) {
	switch {
	case c == '\\':
		return '\\', true
	case c == 'n':
		return '\n', true
	case c == 'c':
		return ':', true
	case c == 'r' && v == V12:
		return '\r', true
	default:
		return 0, false
	}
}

func cut(s []byte, sep byte) (before, after []byte) {
	if i := bytes.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, nil
}

func trimCR(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func trim(s []byte) []byte { return bytes.Trim(s, " \t") }
