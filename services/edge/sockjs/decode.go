package sockjs

import (
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"rollcall.dev/services/edge/ws"
)

var (
	errEmpty  = errors.New("payload expected")
	errSyntax = errors.New("broken JSON encoding: want an array of strings")
	errUTF8   = errors.New("the message is no UTF-8")
)

// decode reads the messages of a client: a JSON array of strings, or over
// WebSocket one string. It calls take for each as soon as it is whole, so that
// nothing is held but one message of at most limit bytes; p is valid during the
// call. What stood before a mistake was taken. Errors of r come back as they are.
func decode(r io.ByteReader, limit int, take func(p []byte)) error {
	d := decoder{r: r, limit: limit}
	c, err := d.token()
	switch {
	case err == io.EOF:
		return errEmpty
	case err != nil:
		return err
	case c == '"':
		err = d.message(take)
	case c == '[':
		err = d.array(take)
	default:
		return errSyntax
	}
	if err == io.EOF {
		return errSyntax // in the middle
	}
	if err != nil {
		return err
	}
	if _, err = d.token(); err == nil {
		return errSyntax
	} else if err != io.EOF {
		return err
	}
	return nil
}

type decoder struct {
	r     io.ByteReader
	limit int
	buf   []byte

	half    rune // the escape before was half of a surrogate pair
	halfEnd int  // where what stands for it ends
}

// token is the next byte that is no white space.
func (d *decoder) token() (byte, error) {
	for {
		c, err := d.r.ReadByte()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

func (d *decoder) array(take func([]byte)) error {
	c, err := d.token()
	if err != nil || c == ']' {
		return err
	}
	for {
		if c != '"' {
			return errSyntax
		}
		if err := d.message(take); err != nil {
			return err
		}
		if c, err = d.token(); err != nil || c == ']' {
			return err
		}
		if c != ',' {
			return errSyntax
		}
		if c, err = d.token(); err != nil {
			return err
		}
	}
}

// message reads a string behind its first quote.
func (d *decoder) message(take func([]byte)) error {
	d.buf, d.half = d.buf[:0], 0
	for {
		c, err := d.r.ReadByte()
		switch {
		case err != nil:
			return err
		case c == '"':
			if !utf8.Valid(d.buf) {
				return errUTF8
			}
			take(d.buf)
			return nil
		case c < ' ':
			return errSyntax
		case c == '\\':
			err = d.escape()
		default:
			d.buf = append(d.buf, c)
		}
		if err != nil {
			return err
		}
		if len(d.buf) > d.limit {
			return fmt.Errorf("%w: more than %d bytes", ws.ErrTooLarge, d.limit)
		}
	}
}

// plainEscapes are those of one character.
var plainEscapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (d *decoder) escape() error {
	c, err := d.r.ReadByte()
	if err != nil {
		return err
	}
	if plain := plainEscapes[c]; plain != 0 {
		d.buf = append(d.buf, plain)
		return nil
	}
	if c != 'u' {
		return errSyntax
	}
	unit, err := d.unit()
	if err != nil {
		return err
	}
	if d.half != 0 && d.halfEnd == len(d.buf) {
		if whole := utf16.DecodeRune(d.half, unit); whole != utf8.RuneError {
			d.buf, d.half = utf8.AppendRune(d.buf[:len(d.buf)-utf8.RuneLen(utf8.RuneError)], whole), 0
			return nil
		}
	}
	d.buf = utf8.AppendRune(d.buf, unit) // U+FFFD for half a pair, until the other half comes
	d.half, d.halfEnd = 0, len(d.buf)
	if utf16.IsSurrogate(unit) {
		d.half = unit
	}
	return nil
}

// unit reads four hexadecimal digits.
func (d *decoder) unit() (rune, error) {
	var unit rune
	for range 4 {
		c, err := d.r.ReadByte()
		if err != nil {
			return 0, err
		}
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, errSyntax
		}
		unit = unit<<4 | rune(c)
	}
	return unit, nil
}
