package ops

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// NewRegistry makes a registry that already knows the Go runtime and the
// process. Each app has its own: two of them in one process don't collide.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// Paths are what [Handler] answers, for mounting it on a mux.
var Paths = []string{"/healthz", "/readyz", "/metrics"}

// Mount puts the operations paths on a mux that serves an API as well.
func Mount(mux *http.ServeMux, readiness *Readiness, metrics prometheus.Gatherer) {
	handler := Handler(readiness, metrics)
	for _, path := range Paths {
		mux.Handle("GET "+path, handler)
	}
}

// Handler answers /healthz, /readyz and /metrics.
func Handler(readiness *Readiness, metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("GET /readyz", readiness)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		// One broken collector must not hide all the other figures.
		ErrorHandling: promhttp.ContinueOnError,
	}))
	return mux
}
