package stomp

import "fmt"

// Kind tells whether a frame broke the protocol or a limit.
type Kind uint8

// The kinds of errors.
const (
	Malformed Kind = iota // protocol_error, WebSocket close code 1002
	TooLarge              // too_large, 1009
)

// A ParseError says what is wrong with a client's bytes, in words fit for the
// ERROR frame. The stream can't be read on after it.
type ParseError struct {
	Kind   Kind
	Detail string
}

// Error is the detail.
func (e *ParseError) Error() string { return "stomp: " + e.Detail }

func malformed(format string, args ...any) *ParseError {
	return &ParseError{Kind: Malformed, Detail: fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) *ParseError {
	return &ParseError{Kind: TooLarge, Detail: fmt.Sprintf(format, args...)}
}
