package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
)

// usersOf makes ids until there are n of each partition.
func usersOf(h *host.Host, n int) (ids []string) {
	of := map[int32]int{}
	for i := 0; len(ids) < n*hosttest.Partitions; i++ {
		id := fmt.Sprintf("user-%d", i)
		if p := h.Tasks().PartitionOf(id); of[p] < n {
			of[p]++
			ids = append(ids, id)
		}
	}
	return ids
}

func batchOf(ids []string) request {
	body, _ := json.Marshal(BatchGet{Users: ids}) // strings always encode
	return request{method: http.MethodPost, path: "/v1/users:batchGet", body: string(body)}
}

func TestAnyInstanceAnswers(t *testing.T) {
	r := newRig(t, "presence-0", "presence-1")
	ids := usersOf(r.hosts[0], 3)
	for _, id := range ids {
		r.connect(id, "s1")
	}
	for _, url := range r.urls {
		hosttest.Eventually(t, func() string {
			for _, id := range ids {
				var u User
				res := r.do(t, url, request{method: http.MethodGet, path: "/v1/users/" + id}, &u)
				if res.StatusCode != http.StatusOK || u.Status != online || u.User != id || u.Partition != r.hosts[0].Tasks().PartitionOf(id) {
					return fmt.Sprintf("%s of %s: %d %+v", id, url, res.StatusCode, u)
				}
			}
			return ""
		})
		var batch Batch
		r.do(t, url, batchOf(ids), &batch)
		var got []string
		for _, u := range batch.Users {
			if u.Status == online && !u.AsOf.IsZero() && !u.Stale {
				got = append(got, u.User)
			}
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%s has %v online, want %v", url, got, ids)
		}
	}
}

// A question is forwarded once: two instances that take each other for the
// owner don't send it to and fro.
func TestAForwardedQuestionGoesNoFurther(t *testing.T) {
	r := newRig(t, "presence-0", "presence-1")
	ids := usersOf(r.hosts[0], 1)
	refused := 0
	for i, url := range r.urls {
		for _, id := range ids {
			req := batchOf([]string{id})
			req.header = map[string]string{host.Forwarded: "presence-9"}
			_, here := r.hosts[i].Tasks().View(r.hosts[i].Tasks().PartitionOf(id))
			var answer json.RawMessage
			res := r.do(t, url, req, &answer)
			switch {
			case here && res.StatusCode != http.StatusOK:
				t.Errorf("%s is here: %d %s", id, res.StatusCode, answer)
			case !here:
				refused++
				if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(string(answer), "owns it") {
					t.Errorf("%s isn't here: %d %s", id, res.StatusCode, answer)
				}
			}
		}
	}
	if refused != hosttest.Partitions {
		t.Errorf("%d questions were refused, want one for each partition", refused)
	}
}

// While a partition has no owner, nobody is told what its users are; when one
// has it, all is as before.
func TestAPartitionWithoutAnOwner(t *testing.T) {
	r := newRig(t, "presence-0", "presence-1")
	ids := usersOf(r.hosts[0], 1)
	for _, id := range ids {
		r.connect(id, "s1")
		r.eventually("/v1/users/"+id, func(u User) bool { return u.Status == online })
	}
	hosttest.Stop(t, r.hosts[1])
	moved := 0
	hosttest.Eventually(t, func() string {
		var answer json.RawMessage
		switch res := r.do(t, r.urls[0], batchOf(ids), &answer); res.StatusCode {
		case http.StatusOK:
		case http.StatusServiceUnavailable:
			moved++
			if res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			return string(answer)
		default:
			t.Fatalf("%d %s", res.StatusCode, answer)
		}
		var batch Batch
		if err := json.Unmarshal(answer, &batch); err != nil {
			t.Fatal(err)
		}
		for _, u := range batch.Users {
			if u.Status != online {
				t.Errorf("%s is %s after %d answers that the partition moves", u.User, u.Status, moved)
			}
		}
		return ""
	})
}
