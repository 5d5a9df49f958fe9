package stream

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/stream/fold"
)

// metrics of a service, over its partitions where it matters where.
type metrics struct {
	records   *prometheus.CounterVec // verdict
	outputs   prometheus.Counter
	refused   prometheus.Counter
	gaps      prometheus.Counter
	odd       *prometheus.CounterVec // kind
	flushes   prometheus.Counter
	flushed   prometheus.Counter
	redos     prometheus.Counter
	dues      prometheus.Counter
	expiries  prometheus.Counter
	takeovers *prometheus.CounterVec // result
	restores  *prometheus.CounterVec // state
	restore   prometheus.Histogram
	lag       *prometheus.GaugeVec // partition
	held      prometheus.Gauge
	trust     prometheus.Gauge
}

func newMetrics(service string, to prometheus.Registerer) *metrics {
	label := prometheus.Labels{"service": service}
	opts := func(name, help string) prometheus.Opts {
		return prometheus.Opts{Namespace: "rollcall", Subsystem: "stream", Name: name, Help: help, ConstLabels: label}
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts(opts(name, help)))
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts(opts(name, help)))
	}
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts(opts("records_total",
			"Input records by what became of them; poison is in the dead letter topic.")), []string{"verdict"}),
		outputs: counter("outputs_total", "Events and mailbox entries that followed from the input."),
		refused: counter("outputs_refused_total", "Outputs that no broker takes; they are in the dead letter topic."),
		gaps:    counter("gaps_total", "Gaps seen in the sequence of an edge's epoch."),
		odd: prometheus.NewCounterVec(prometheus.CounterOpts(opts("odd_total",
			"Events that can't be as things stand, such as those of a session that has ended, by kind; nothing follows from them.")), []string{"kind"}),
		flushes:  counter("flushes_total", "Flushes of state and position to the changelog."),
		flushed:  counter("flushed_bytes_total", "Bytes of keys and values that flushes wrote."),
		redos:    counter("redos_total", "Flushes that were larger than one batch."),
		dues:     counter("dues_total", "leave.due events written."),
		expiries: counter("expiries_total", "edge.expired events written."),
		takeovers: prometheus.NewCounterVec(prometheus.CounterOpts(opts("takeovers_total",
			"Take-overs of partitions by how they ended.")), []string{"end"}),
		restores: prometheus.NewCounterVec(prometheus.CounterOpts(opts("restores_total",
			"Take-overs by where the state came from: warm is what the last claim left here, cold the changelog.")), []string{"state"}),
		restore: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "rollcall", Subsystem: "stream", ConstLabels: label,
			Name: "restore_seconds", Help: "Time from a take-over to the partition running.",
			Buckets: prometheus.ExponentialBuckets(0.01, 3, 10)}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts(opts("lag",
			"Input records not folded yet.")), []string{"partition"}),
		held:  gauge("expiry_held", "1 while the expiry of most edges at once is held back."),
		trust: gauge("leases_trusted", "1 while own heartbeats come back in time, so that edges are judged."),
	}
	if to != nil {
		to.MustRegister(m.records, m.outputs, m.refused, m.gaps, m.odd, m.flushes, m.flushed, m.redos, m.dues, m.expiries,
			m.takeovers, m.restores, m.restore, m.lag, m.held, m.trust)
	}
	return m
}

func (m *metrics) folded(r *fold.Result) {
	m.records.WithLabelValues(r.Verdict.String()).Inc()
	m.outputs.Add(float64(len(r.Outputs)))
	if r.Gap {
		m.gaps.Inc()
	}
	for _, kind := range r.Odd {
		m.odd.WithLabelValues(kind).Inc()
	}
}

func (m *metrics) lags(partition int32, n int64) {
	m.lag.WithLabelValues(strconv.Itoa(int(partition))).Set(float64(n))
}

func (m *metrics) gone(partition int32) { m.lag.DeleteLabelValues(strconv.Itoa(int(partition))) }

func (m *metrics) breaking(on bool) { m.held.Set(number(on)) }

func (m *metrics) trusted(on bool) { m.trust.Set(number(on)) }

func number(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
