package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"rollcall.dev/events/stream"
	"rollcall.dev/internal/problem"
)

// Forwarded is the header of a question that one instance asks another, with
// the id of the first. Who gets it answers from what it owns, or not at all:
// no question goes further than one hop.
const Forwarded = "Rollcall-Forwarded"

const (
	// askTimeout is that of a question to another instance, which answers from
	// memory.
	askTimeout = 3 * time.Second
	// answerLimit bounds an answer of another instance, in bytes.
	answerLimit = 32 << 20
	// peerConns bounds the connections to one instance.
	peerConns = 32
)

func newPeers() *http.Client {
	return &http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{MaxConnsPerHost: peerConns, MaxIdleConnsPerHost: peerConns, IdleConnTimeout: time.Minute,
			ResponseHeaderTimeout: askTimeout},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Owner is where a partition's state is: a view of it where it runs here, or
// the instance that runs it; else a problem that goes away.
func (h *Host) Owner(tasks *stream.Service, partition int32) (view stream.View, elsewhere *stream.Peer, p *problem.Problem) {
	if view, ok := tasks.View(partition); ok {
		return view, nil, nil
	}
	owner, ok := tasks.OwnerOf(partition)
	switch {
	case !ok:
		return view, nil, problem.Unavailable("partition %d has no owner, and is %s here", partition, tasks.State(partition))
	case owner.Own:
		return view, nil, problem.Unavailable("partition %d is %s here", partition, tasks.State(partition))
	case owner.HTTP == "":
		return view, nil, problem.Unavailable("partition %d is owned by %s, which tells no address", partition, owner.Instance)
	}
	return view, &owner, nil
}

// Ask posts a question to another instance and decodes what it says. All that
// goes wrong goes away: the partition is moving, or its owner has died and
// another one takes over.
func (h *Host) Ask(ctx context.Context, peer *stream.Peer, path string, question, answer any) *problem.Problem {
	if err := h.ask(ctx, "http://"+peer.HTTP+path, question, answer); err != nil {
		return problem.Unavailable("%s, which owns the partition, doesn't answer: %v", peer.Instance, err)
	}
	return nil
}

func (h *Host) ask(ctx context.Context, url string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("encode the question: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(Forwarded, h.o.Instance)
	if h.o.AdminToken != "" {
		req.Header.Set("Authorization", "Bearer "+h.o.AdminToken)
	}
	res, err := h.peers.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, answerLimit+1))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	case len(body) > answerLimit:
		return fmt.Errorf("the answer has more than %d bytes", answerLimit)
	case res.StatusCode != http.StatusOK:
		var p problem.Problem
		if json.Unmarshal(body, &p) != nil || p.Detail == "" {
			return errors.New(res.Status)
		}
		return &p
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return nil
}
