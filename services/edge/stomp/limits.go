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
	// CredentialLine is the same for passcode and Authorization, where signed
	// tokens are found.
	CredentialLine int
}

// DefaultLimits are 64 KiB a frame and 32 headers of 1 KiB, credentials of 8.
func DefaultLimits() Limits {
	return Limits{Frame: 64 << 10, Headers: 32, HeaderLine: 1 << 10, CredentialLine: 8 << 10}
}
