package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/problem"
	"rollcall.dev/services/presence/fold"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// adminToken is asked for by the instances, and sent with every request.
const adminToken = "an-admin-token-of-tests"

// newHost makes a presence instance.
func newHost(t *testing.T, o host.Options) *host.Host {
	t.Helper()
	h, err := host.New(host.Service{
		Name: "presence", Kind: schema.KindPresence, Fold: fold.New(),
		Input: schema.Topics.Lifecycle, Changelog: schema.Topics.PresenceState, Mount: Mount,
	}, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// rig is one instance or more of a deployment, who writes into its log, and
// the contract that their answers keep.
type rig struct {
	*contract
	t     *testing.T
	hosts []*host.Host
	urls  []string
	log   *hosttest.Writer
}

func newRig(t *testing.T, instances ...string) *rig {
	t.Helper()
	r := &rig{contract: readContract(t), t: t}
	o := hosttest.Options(t, "", brokertest.Brokers(t)...)
	o.EdgeLease = time.Minute // edge-0 sends no heartbeats
	o.AdminToken = adminToken
	var started []hosttest.Instance
	for _, instance := range instances {
		o.Instance = instance
		h := newHost(t, o)
		hosttest.Start(t, h)
		r.hosts, r.urls = append(r.hosts, h), append(r.urls, "http://"+h.Addr())
		started = append(started, h)
	}
	hosttest.Ready(t, started...)
	r.log = hosttest.NewWriter(t, o.Kafka.Brokers, r.hosts[0].Topics().Lifecycle(), schema.EdgeSource("edge-0", 1))
	return r
}

// get asks the first instance.
func (r *rig) get(path string, into any) int {
	r.t.Helper()
	return r.do(r.t, r.urls[0], request{method: http.MethodGet, path: path}, into).StatusCode
}

func ref(user, session string) schema.Ref {
	return schema.Ref{Session: session, User: user, Edge: "edge-0", Epoch: 1}
}

// connect writes that a session of a user has begun.
func (r *rig) connect(user, session string) {
	r.t.Helper()
	r.log.Write(schema.TypeSessionConnected, user, &schema.SessionConnected{Ref: ref(user, session), Meta: schema.Meta{"nick": user}})
}

// eventually asks for a user until the answer is right.
func (r *rig) eventually(path string, right func(User) bool) User {
	r.t.Helper()
	var u User
	hosttest.Eventually(r.t, func() string {
		u = User{}
		var body json.RawMessage
		if status := r.get(path, &body); status != http.StatusOK { // the partition may be on its way
			return fmt.Sprintf("%s: %d %s", path, status, body)
		}
		if err := json.Unmarshal(body, &u); err != nil || !right(u) {
			return fmt.Sprintf("not right yet: %s %s, %v", path, u.Status, err)
		}
		return ""
	})
	return u
}

// notStarted is the API of an instance that has no tasks yet.
func notStarted(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	if err := Mount(mux, newHost(t, host.Options{Instance: "p"})); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(problem.Mux(mux))
	t.Cleanup(server.Close)
	return server.URL
}
