package stomp

// Limits bound what one frame may make the parser hold.
type Limits struct {
	// Frame is the size of a frame in bytes, its final NUL included.
	Frame int
	// Headers is the number of header lines.
	Headers int
	// HeaderLine is the length of one header line in bytes, name, colon, value
	// and a CR included, as it came over the wire.
	HeaderLine int
}

// DefaultLimits are 64 KiB a frame and 32 headers of 1 KiB.
func DefaultLimits() Limits { return Limits{Frame: 64 << 10, Headers: 32, HeaderLine: 1 << 10} }
