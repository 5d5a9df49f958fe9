package roster

// window is a diff in the making. Of each user it holds at most one of each
// list; a client applies left, then joined, then updated.
type window struct {
	changes []change
	index   map[string]int // into changes, by user
	bytes   int
}

// change is what a diff says of one user, each part as JSON or nil.
type change struct{ left, joined, updated []byte }

func (w *window) of(user string) *change {
	i, ok := w.index[user]
	if !ok {
		if w.index == nil {
			w.index = make(map[string]int)
		}
		i = len(w.changes)
		w.index[user] = i
		w.changes = append(w.changes, change{})
	}
	return &w.changes[i]
}

func (w *window) hasJoined(user string) bool {
	i, ok := w.index[user]
	return ok && w.changes[i].joined != nil
}

func (w *window) joined(user string, json []byte) {
	w.of(user).joined = json
	w.bytes += len(json)
}

func (w *window) updated(user string, json []byte) {
	c := w.of(user)
	if c.joined != nil {
		c.joined = json
	} else {
		c.updated = json
	}
	w.bytes += len(json)
}

func (w *window) left(user string, json []byte) {
	c := w.of(user)
	c.left, c.updated = json, nil
	w.bytes += len(json)
}

// reset keeps nothing: most channels are idle most of the time.
func (w *window) reset() { *w = window{} }
