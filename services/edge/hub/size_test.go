package hub

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
)

// maxEvent is what presence keeps of a session at most (fold.MaxEntity of
// events/stream); a batch of the producer holds a little more.
const maxEvent = 900_000

// A session is announced in one event. Whatever a client does within the limits,
// it fits, however each byte is escaped: encoding/json writes a < in six bytes,
// where the writer doesn't say otherwise.
func TestTheLargestSessionFitsIntoOneEvent(t *testing.T) {
	for _, worst := range []string{"<", `"`, `\`, "\u2028", "/", "é"} {
		for _, encode := range []func(string) string{func(s string) string { return s }, url.PathEscape} {
			s := newStage(t)
			user := strings.Repeat(worst, schema.MaxUserLen/len(worst))
			c := s.h.Open(&fakeConn{}, strings.Repeat("\x01", maxAgent), "").(*client)
			feed(c, "CONNECT\naccept-version:1.2\nlogin:%s\n%s\n\x00", user, metaOf(session.DefaultConfig().MaxMeta))
			max := session.DefaultConfig().MaxSubscriptions
			for i := range max {
				id := fmt.Sprint(i, "_")
				id += strings.Repeat(worst, (session.MaxSubscriptionID-len(id))/len(worst))
				destination := "/presence/" + encode(user)
				escape := strings.NewReplacer(`\`, `\\`)
				feed(c, "SUBSCRIBE\nid:%s\ndestination:%s\n\n\x00", escape.Replace(id), escape.Replace(destination))
			}
			feed(c, "SEND\ndestination:/app/session/meta\n\n{\"status\":%q}\x00", strings.Repeat(worst, 256/len(worst)))
			d := c.connected(true)
			if len(d.Subscriptions) != max {
				if worst == "/" && encode(worst) == worst {
					continue // a / in a user id must be encoded
				}
				t.Fatalf("%q: %d subscriptions: %s", worst, len(d.Subscriptions), c.conn.(*fakeConn).last)
			}
			if d.Status == "" {
				t.Fatalf("%q: no status: %s", worst, c.conn.(*fakeConn).last)
			}
			_, value, err := schema.Encode(schema.TypeSessionConnected, user, schema.At(time.Now()), schema.Stamp{}, schema.TopicLifecycle, 0, d)
			if err != nil {
				t.Fatal(err)
			}
			escaped, err := json.Marshal(json.RawMessage(value))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(escaped); n > maxEvent {
				t.Errorf("%q: a session of %d bytes", worst, n)
			}
		}
	}
}

// metaOf has the headers of a meta of the largest size, in the worst bytes.
func metaOf(size int) string {
	var b strings.Builder
	for i := 0; size > 0; i++ {
		name := string(rune('a' + i))
		n := min(size-1, 1000)
		fmt.Fprintf(&b, "meta-%s:%s\n", name, strings.Repeat("\x01", n))
		size -= n + 1
	}
	return b.String()
}
