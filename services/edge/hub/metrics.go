package hub

import (
	"sync/atomic"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/transport"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a hub. Figures that others keep are read when asked for.
type metrics struct {
	connects    prometheus.Counter
	disconnects *prometheus.CounterVec
	published   prometheus.Counter
	dropped     prometheus.Counter
	delivered   prometheus.Counter
	resyncs     prometheus.Counter
	reannounced prometheus.Counter
	refused     *prometheus.CounterVec
	frames      *prometheus.CounterVec
	bytes       *prometheus.CounterVec
	channels    atomic.Int64
}

func newMetrics(reg prometheus.Registerer, h *Hub) *metrics {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "rollcall_edge_" + name, Help: help})
		reg.MustRegister(c)
		return c
	}
	m := &metrics{
		connects:    counter("connects_total", "Sessions begun."),
		published:   counter("messages_published_total", "Messages of clients taken for Kafka."),
		dropped:     counter("messages_dropped_total", "Messages that found the outbox full or would fit into no queue."),
		delivered:   counter("frames_delivered_total", "MESSAGE frames queued to subscribers of channels."),
		resyncs:     counter("resyncs_total", "States that stood in for changes a slow subscriber had no room for."),
		reannounced: counter("reannounced_total", "Sessions told to the log as a whole again."),
		disconnects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_edge_disconnects_total", Help: "Sessions ended, by reason."}, []string{"reason"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_edge_auth_refused_total", Help: "Credentials not taken, at CONNECT or to renew: refused, expired, or unknown as the keys could not be fetched."}, []string{"why"}),
		frames: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_edge_session_frames_total", Help: "WebSocket messages of sessions that have ended, by direction (in, out)."}, []string{"direction"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rollcall_edge_session_bytes_total", Help: "Payload of sessions that have ended, by direction (in, out)."}, []string{"direction"}),
	}
	reg.MustRegister(m.disconnects, m.refused, m.frames, m.bytes,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rollcall_edge_sessions", Help: "Live sessions."},
			func() float64 { return float64(h.Sessions()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rollcall_edge_channels", Help: "Channels with subscribers on this edge."},
			func() float64 { return float64(m.channels.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rollcall_edge_channels_lingering", Help: "Channels without subscribers whose roster is still kept."},
			func() float64 { return float64(h.lingering.count()) }))
	return m
}

// ended counts what went through a session.
func (m *metrics) ended(reason schema.Reason, s transport.Stats) {
	m.disconnects.WithLabelValues(string(reason)).Inc()
	m.frames.WithLabelValues("in").Add(float64(s.MessagesIn))
	m.frames.WithLabelValues("out").Add(float64(s.MessagesOut))
	m.bytes.WithLabelValues("in").Add(float64(s.BytesIn))
	m.bytes.WithLabelValues("out").Add(float64(s.BytesOut))
}
