// Package ops is what every process shows its operators:
//
//	/healthz  200 while the process can answer at all
//	/readyz   200 when every check passes, else 503; both list in words what
//	          is waited for: {"ready":false,"waiting":[{"check":"kafka","reason":"…"}]}
//	/metrics  Prometheus text format
//
// A service with an API mounts [Handler] on its own mux; one whose port is
// public runs a [Server] beside it.
package ops
