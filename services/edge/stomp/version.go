package stomp

// Version is a version of the protocol.
type Version uint8

// The versions, in order. The zero value is 1.0, which is also what a client
// speaks that doesn't say.
const (
	V10 Version = iota
	V11
	V12
)

// String is the version as headers write it.
func (v Version) String() string {
	switch v {
	case V10:
		return "1.0"
	case V11:
		return "1.1"
	default:
		return "1.2"
	}
}

// Versions is the list of all versions for a version header.
const Versions = "1.0,1.1,1.2"

// Negotiate picks the highest version of a client's accept-version header
// ("1.1,1.2"). None in common: false.
func Negotiate(accept []byte) (Version, bool) {
	best, found := V10, false
	for len(accept) > 0 {
		var one []byte
		one, accept = cut(accept, ',')
		for v := V10; v <= V12; v++ {
			if string(trim(one)) == v.String() && (!found || v > best) {
				best, found = v, true
			}
		}
	}
	return best, found
}
