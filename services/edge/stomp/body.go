package stomp

import "bytes"

const contentLength = "content-length"

// endHead decides how the body of the frame is to be found.
func (p *Parser) endHead() *ParseError {
	p.bodyStart = p.lineStart
	p.bodyLen = -1
	if text, ok := p.rawContentLength(); ok {
		n, err := parseLength(text, p.limits.Frame)
		if err != nil {
			return err
		}
		p.bodyLen = n
	}
	if p.bodyLen > 0 && !p.command.hasBody() {
		return p.unexpectedBody()
	}
	if p.bodyStart+max(p.bodyLen, 0)+1 > p.limits.Frame {
		return p.frameTooLarge()
	}
	return nil
}

// rawContentLength looks the length up in the undecoded head: it is needed
// before the frame is whole.
func (p *Parser) rawContentLength() ([]byte, bool) {
	_, head := cut(p.in[:p.bodyStart], '\n')
	for len(head) > 0 {
		var line []byte
		line, head = cut(head, '\n')
		name, value := cut(trimCR(line), ':')
		if p.version == V10 {
			name, value = trim(name), trim(value)
		}
		if string(name) == contentLength {
			return value, true
		}
	}
	return nil, false
}

// parseLength reads a content-length. What is above the limit is too large
// and not looked at further.
func parseLength(text []byte, limit int) (int, *ParseError) {
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, malformed("content-length %q is not a number of bytes", text)
		}
		if n <= limit {
			n = n*10 + int(c-'0')
		}
	}
	if len(text) == 0 {
		return 0, malformed("content-length is empty")
	}
	if n > limit {
		return 0, tooLarge("content-length %s is larger than the %d bytes a frame may have", text, limit)
	}
	return n, nil
}

// findBodyEnd is the length of the whole frame, 0 if its end isn't there yet.
func (p *Parser) findBodyEnd() (int, *ParseError) {
	rest := p.in[p.bodyStart:]
	switch {
	case p.bodyLen >= 0:
		if len(rest) <= p.bodyLen {
			return 0, nil
		}
		if rest[p.bodyLen] != 0 {
			return 0, malformed("no NUL byte follows the %d bytes of content-length", p.bodyLen)
		}
		return p.bodyStart + p.bodyLen + 1, nil
	case !p.command.hasBody():
		if len(rest) == 0 {
			return 0, nil
		}
		if rest[0] != 0 {
			return 0, p.unexpectedBody()
		}
		return p.bodyStart + 1, nil
	default:
		return p.findNUL()
	}
}

func (p *Parser) findNUL() (int, *ParseError) {
	visible := min(len(p.in), p.limits.Frame)
	if i := bytes.IndexByte(p.in[p.scanned:visible], 0); i >= 0 {
		return p.scanned + i + 1, nil
	}
	if len(p.in) > visible {
		return 0, p.frameTooLarge()
	}
	p.scanned = visible
	return 0, nil
}

func (p *Parser) unexpectedBody() *ParseError {
	return malformed("%s must not have a body", p.command)
}
