package stomp

// Command is the kind of a frame.
type Command uint8

// The commands. Unknown never comes out of a [Parser].
const (
	Unknown Command = iota
	Connect
	Stomp // CONNECT under the name that 1.1 added
	Connected
	Send
	Subscribe
	Unsubscribe
	Ack
	Nack
	Begin
	Commit
	Abort
	Disconnect
	Message
	Receipt
	Error
)

var commandNames = [...]string{
	Unknown: "unknown", Connect: "CONNECT", Stomp: "STOMP", Connected: "CONNECTED",
	Send: "SEND", Subscribe: "SUBSCRIBE", Unsubscribe: "UNSUBSCRIBE",
	Ack: "ACK", Nack: "NACK", Begin: "BEGIN", Commit: "COMMIT", Abort: "ABORT",
	Disconnect: "DISCONNECT", Message: "MESSAGE", Receipt: "RECEIPT", Error: "ERROR",
}

// longestCommand is the length of UNSUBSCRIBE: a first line that is longer
// is no STOMP, which is known before the line has ended.
const longestCommand = 11

// String is the command as it stands in a frame.
func (c Command) String() string {
	if int(c) < len(commandNames) {
		return commandNames[c]
	}
	return commandNames[Unknown]
}

func commandOf(line []byte) Command {
	for c := Connect; int(c) < len(commandNames); c++ {
		if string(line) == commandNames[c] {
			return c
		}
	}
	return Unknown
}

// hasBody reports whether the specification lets frames of this command have one.
func (c Command) hasBody() bool { return c == Send || c == Message || c == Error }

// verbatim reports whether headers are neither escaped nor unescaped, for
// compatibility with 1.0 (1.2, "Value Encoding").
func (c Command) verbatim() bool { return c == Connect || c == Stomp || c == Connected }
