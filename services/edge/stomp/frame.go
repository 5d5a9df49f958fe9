package stomp

// Header is one header of a received frame.
type Header struct {
	Name, Value []byte
}

// Frame is a received frame. It belongs to the caller, who hands it to
// [Parser.Next] again and again; its contents live in the parser's input and
// are valid until the next call of Push, Next or Park.
type Frame struct {
	Command Command
	Headers []Header
	Body    []byte
}

// Get is the value of the first header of this name.
func (f *Frame) Get(name string) (value []byte, ok bool) {
	for i := range f.Headers {
		if string(f.Headers[i].Name) == name {
			return f.Headers[i].Value, true
		}
	}
	return nil, false
}

// Text is the value of the first header of this name as a string of its own,
// empty when there is none.
func (f *Frame) Text(name string) string {
	value, _ := f.Get(name)
	return string(value)
}

func (f *Frame) reset(c Command) {
	f.Command, f.Headers, f.Body = c, f.Headers[:0], nil
}

// Release drops the references to the parser's input, so that a frame can
// wait in a pool.
func (f *Frame) Release() {
	clear(f.Headers[:cap(f.Headers)])
	f.reset(Unknown)
}
