package stomp

import "strconv"

// AppendFrame appends a whole frame to dst: command, headers given as name
// and value in turn, and body. A body that isn't nil gets a content-length
// (and may hold NUL bytes); nil means that the command has none. A version
// that has no escape for CR, LF or NUL gets a blank in their place: no header
// can end its line or its frame.
func AppendFrame(dst []byte, v Version, c Command, body []byte, pairs ...string) []byte {
	dst = append(dst, c.String()...)
	dst = append(dst, '\n')
	if c.verbatim() {
		v = V10
	}
	return appendRest(dst, v, body, pairs)
}

// appendRest appends the headers, the blank line, the body and the NUL.
func appendRest(dst []byte, v Version, body []byte, pairs []string) []byte {
	for i := 0; i+1 < len(pairs); i += 2 {
		dst = appendHeader(dst, v, pairs[i], pairs[i+1])
	}
	if body != nil {
		dst = append(dst, contentLength+":"...)
		dst = strconv.AppendInt(dst, int64(len(body)), 10)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, body...)
	return append(dst, 0)
}

func appendHeader(dst []byte, v Version, name, value string) []byte {
	dst = appendEscaped(dst, v, name)
	dst = append(dst, ':')
	dst = appendEscaped(dst, v, value)
	return append(dst, '\n')
}

func appendEscaped(dst []byte, v Version, s string) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c > '\\', c > ':' && c < '\\', c > '\r' && c < ':':
			dst = append(dst, c)
		case c == 0:
			dst = append(dst, ' ')
		case c == '\\' && v != V10:
			dst = append(dst, `\\`...)
		case c == ':' && v != V10:
			dst = append(dst, `\c`...)
		case c == '\n' && v != V10:
			dst = append(dst, `\n`...)
		case c == '\r' && v == V12:
			dst = append(dst, `\r`...)
		case c == '\n', c == '\r':
			dst = append(dst, ' ')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
