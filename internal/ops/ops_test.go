package ops_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func get(t *testing.T, handler http.Handler, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestReadyzListsInWordsWhatItWaitsFor(t *testing.T) {
	var kafka, restored atomic.Bool
	readiness := ops.NewReadiness(ops.Check{Name: "kafka", Check: func() error {
		if kafka.Load() {
			return nil
		}
		return errors.New("no broker of localhost:9092 answers")
	}})
	readiness.Add(ops.Check{Name: "partitions", Check: func() error {
		if restored.Load() {
			return nil
		}
		return errors.New("restoring 3 of 16")
	}})
	handler := ops.Handler(readiness, ops.NewRegistry())

	w := get(t, handler, "GET", "/readyz")
	want := `{"ready":false,"waiting":[{"check":"kafka","reason":"no broker of localhost:9092 answers"},{"check":"partitions","reason":"restoring 3 of 16"}]}` + "\n"
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
		t.Errorf("not ready: %d %s", w.Code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}

	kafka.Store(true)
	var body struct {
		Ready   bool
		Waiting []ops.Waiting
	}
	w = get(t, handler, "GET", "/readyz")
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if body.Ready || len(body.Waiting) != 1 || body.Waiting[0].Check != "partitions" {
		t.Errorf("half ready: %+v", body)
	}

	restored.Store(true)
	w = get(t, handler, "GET", "/readyz")
	if w.Code != http.StatusOK || w.Body.String() != `{"ready":true,"waiting":[]}`+"\n" {
		t.Errorf("ready: %d %s", w.Code, w.Body)
	}
}

func TestHealthzIsIndependentOfReadiness(t *testing.T) {
	readiness := ops.NewReadiness(ops.Check{Name: "never", Check: func() error { return errors.New("never") }})
	w := get(t, ops.Handler(readiness, ops.NewRegistry()), "GET", "/healthz")
	if w.Code != http.StatusOK || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
}

func TestMetrics(t *testing.T) {
	registry := ops.NewRegistry()
	sessions := prometheus.NewGauge(prometheus.GaugeOpts{Name: "rollcall_edge_sessions", Help: "Sessions."})
	registry.MustRegister(sessions)
	sessions.Set(42)
	w := get(t, ops.Handler(&ops.Readiness{}, registry), "GET", "/metrics")
	for _, want := range []string{"rollcall_edge_sessions 42", "go_goroutines", "process_start_time_seconds"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}

func TestMountBesideAnAPI(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/edges", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	ops.Mount(mux, &ops.Readiness{}, ops.NewRegistry())
	for path, code := range map[string]int{"/v1/edges": 418, "/healthz": 200, "/readyz": 200, "/metrics": 200, "/other": 404} {
		if w := get(t, mux, "GET", path); w.Code != code {
			t.Errorf("GET %s: %d, want %d", path, w.Code, code)
		}
	}
	if w := get(t, mux, "POST", "/readyz"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /readyz: %d", w.Code)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestServerStress(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service {
		return ops.NewServer("127.0.0.1:0", http.NotFoundHandler(), quiet())
	})
}

func TestServerTellsItsPort(t *testing.T) {
	s := ops.NewServer("127.0.0.1:0", ops.Handler(&ops.Readiness{}, ops.NewRegistry()), quiet())
	if s.Addr() != "" {
		t.Errorf("Addr before the start: %s", s.Addr())
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stop(t, s)
	answer, err := http.Get("http://" + s.Addr() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "ok\n" {
		t.Errorf("healthz over TCP: %q, %v", body, err)
	}
}

// The listener may be of another network; without one it is TCP's.
func TestServerOnAnotherNetwork(t *testing.T) {
	refused := errors.New("no such network")
	bind := func(_ context.Context, network, address string) (net.Listener, error) {
		return nil, fmt.Errorf("%s %s: %w", network, address, refused)
	}
	s := ops.NewServer("10.0.0.1:8090", http.NotFoundHandler(), quiet()).On(bind)
	if err := s.Start(t.Context()); !errors.Is(err, refused) || !strings.Contains(err.Error(), "tcp 10.0.0.1:8090") {
		t.Errorf("start: %v", err)
	}
	s = ops.NewServer("127.0.0.1:0", http.NotFoundHandler(), quiet()).On(nil)
	if err := s.Start(t.Context()); err != nil {
		t.Error(err)
	}
	stop(t, s)
}

func TestServerPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	s := ops.NewServer(addr, http.NotFoundHandler(), quiet())
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), addr) {
		t.Errorf("Start on a taken port: %v", err)
	}
}

func TestServerDrainsRequests(t *testing.T) {
	inside, release := make(chan struct{}), make(chan struct{})
	s := ops.NewServer("127.0.0.1:0", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-release
		_, _ = io.WriteString(w, "whole")
	}), quiet())
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := make(chan string, 1)
	go func() {
		answer, err := http.Get("http://" + s.Addr())
		if err != nil {
			body <- err.Error()
			return
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		body <- string(b)
	}()
	<-inside
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("Stop returned %v with a request inside", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(release)
	if got := <-body; got != "whole" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func TestServerCutsOffAtTheBound(t *testing.T) {
	inside := make(chan struct{})
	s := ops.NewServer("127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done() // until its connection is closed
	}), quiet())
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		answer, err := http.Get("http://" + s.Addr())
		if err == nil {
			answer.Body.Close()
		}
		failed <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop: %v, want its deadline", err)
	}
	if err := <-failed; err == nil {
		t.Error("the request that was cut off got an answer")
	}
	<-s.Done()
}

func stop(t *testing.T, s startstop.Service) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
