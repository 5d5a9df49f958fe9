package stomp

import "bytes"

// Parser cuts a stream of bytes into frames. Use:
//
//	p.Push(data)
//	for {
//		ok, err := p.Next(&frame)
//		if err != nil || !ok { break }
//		…
//	}
//
// While no frame is half-read it holds no memory beyond itself. It is not
// safe for concurrent use.
type Parser struct {
	limits *Limits
	err    *ParseError
	in     []byte // unread input, from the beginning of the frame under way
	owned  bool   // in is a copy of our own, not the caller's bytes

	version Version
	command Command

	// Progress in the frame at in[0], so that no byte is looked at twice for
	// the same question however the input is cut up.
	lines     int // complete lines of the head, the command's included
	lineStart int
	scanned   int // in[:scanned] was searched for what comes next
	bodyStart int // 0 while in the head
	bodyLen   int // of content-length; -1: up to the NUL
}

// NewParser returns a parser for a new stream, in version 1.0 until
// SetVersion: a CONNECT is read the same way in all. The limits are shared,
// not copied.
func NewParser(limits *Limits) Parser { return Parser{limits: limits} }

// SetVersion sets the version in which the frames after the present one are
// read.
func (p *Parser) SetVersion(v Version) { p.version = v }

// Push hands over more input. The parser reads data in place and unescapes
// headers in it; it is the caller's again when Next has returned false or an
// error, or after Park.
func (p *Parser) Push(data []byte) {
	switch {
	case p.err != nil:
	case len(p.in) == 0:
		p.in, p.owned = data, false
	default:
		p.Park()
		p.in = append(p.in, data...)
	}
}

// Park copies what is unread, so that the caller's bytes are free although
// Next was not called to its end.
func (p *Parser) Park() {
	if len(p.in) == 0 {
		p.in = nil
		return
	}
	if !p.owned {
		p.in, p.owned = append([]byte(nil), p.in...), true
	}
}

// Unread is the number of bytes that are held.
func (p *Parser) Unread() int { return len(p.in) }

// Next reads the next frame into f. False without an error: the input holds
// no whole frame more. After an error, always a *ParseError, the parser gives
// the same error for ever.
func (p *Parser) Next(f *Frame) (bool, error) {
	if p.err != nil {
		return false, p.err
	}
	end, err := p.findFrame()
	if err == nil && end > 0 {
		err = p.decode(f, p.in[:end])
	}
	if err != nil {
		p.err, p.in = err, nil
		return false, err
	}
	if end == 0 {
		p.Park()
		return false, nil
	}
	p.advance(end)
	return true, nil
}

func (p *Parser) advance(n int) {
	p.in = p.in[n:]
	p.lines, p.lineStart, p.scanned, p.bodyStart = 0, 0, 0, 0
}

// findFrame is the length of the frame at the beginning of the input, 0 if
// it isn't there as a whole.
func (p *Parser) findFrame() (int, *ParseError) {
	if p.scanned == 0 && !p.skipHeartBeats() {
		return 0, nil
	}
	for p.bodyStart == 0 {
		if len(p.in) == p.scanned {
			return 0, nil
		}
		if done, err := p.scanLine(); err != nil || !done {
			return 0, err
		}
	}
	return p.findBodyEnd()
}

// skipHeartBeats drops the EOLs between frames and reports whether a frame
// begins behind them. A CR waits for its LF.
func (p *Parser) skipHeartBeats() bool {
	i := 0
	for i < len(p.in) {
		if p.in[i] == '\n' {
			i++
		} else if p.in[i] == '\r' && i+1 < len(p.in) && p.in[i+1] == '\n' {
			i += 2
		} else {
			break
		}
	}
	p.in = p.in[i:]
	return len(p.in) > 1 || len(p.in) == 1 && p.in[0] != '\r'
}

// scanLine finds the end of the line under way. Each way for a line to be
// wrong is bound to the first byte that makes it so, and the earliest counts:
// so the error is the same however the input was cut up.
func (p *Parser) scanLine() (bool, *ParseError) {
	end := bytes.IndexByte(p.in[p.scanned:], '\n')
	whole := end >= 0
	known := len(p.in) // bytes of the frame that are known to lie before the next line
	if whole {
		end += p.scanned
		known = end + 1
	} else {
		end = known
	}
	if err := p.checkLine(end, known); err != nil {
		return false, err
	}
	p.scanned = known
	if !whole {
		return false, nil
	}
	line := trimCR(p.in[p.lineStart:end])
	p.lineStart = known
	return true, p.countLine(line)
}

// checkLine checks the bytes from scanned to end of the line under way.
func (p *Parser) checkLine(end, known int) *ParseError {
	longest := p.limits.HeaderLine
	switch {
	case p.lines == 0:
		longest = longestCommand + len("\r")
	case end > p.lineStart+longest && isCredential(p.in[p.lineStart:end]):
		longest = max(longest, p.limits.CredentialLine)
	}
	lineTrip := p.lineStart + longest
	frameTrip := p.limits.Frame
	nul := bytes.IndexByte(p.in[p.scanned:end], 0)
	if nul >= 0 {
		nul += p.scanned
	}
	switch {
	case nul >= 0 && nul < lineTrip && nul < frameTrip:
		return malformed("a NUL byte stands before the blank line that ends the headers")
	case end > lineTrip && lineTrip < frameTrip && p.lines == 0:
		return unknownCommand(p.in[:lineTrip])
	case end > lineTrip && lineTrip < frameTrip:
		return tooLarge("a header line is longer than %d bytes", longest)
	case known > frameTrip:
		return p.frameTooLarge()
	}
	return nil
}

// isCredential reports whether a header line is one that may be longer than
// others. Any limit is longer than these names.
func isCredential(line []byte) bool {
	name, _, _ := bytes.Cut(line, []byte{':'})
	return bytes.EqualFold(name, []byte("passcode")) || bytes.EqualFold(name, []byte("authorization"))
}

// countLine takes a whole line of the head, without its end.
func (p *Parser) countLine(line []byte) *ParseError {
	p.lines++
	switch {
	case p.lines == 1:
		if p.command = commandOf(line); p.command == Unknown {
			return unknownCommand(line)
		}
	case len(line) == 0:
		return p.endHead()
	case p.lines-1 > p.limits.Headers:
		return tooLarge("more than %d headers", p.limits.Headers)
	}
	return nil
}

func unknownCommand(line []byte) *ParseError {
	return malformed("unknown command %q", line)
}

func (p *Parser) frameTooLarge() *ParseError {
	return tooLarge("the frame is larger than %d bytes", p.limits.Frame)
}
