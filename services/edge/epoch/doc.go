// Package epoch keeps an edge's place in cluster.heartbeat: its claim, its
// beats, and what others say of it there.
//
// The epoch is the offset of the edge's own claim record: it only grows,
// whatever the host's clock says. An edge never judges its own lease. It hears
// in the heartbeats of presence and notifier that its epoch has expired or that
// a gap was seen in its sequence, and claims a new one. If another process
// claims the same id after it, it stops with an error: two of one name can't
// be told apart by anyone.
//
//	        own claim acknowledged           verdict on the epoch, Renew
//	idle ───────────────────────▶ holding ───────────────────────▶ claiming
//	                                 │  ▲                              │
//	             newer claim of      │  └──────────────────────────────┘
//	             another process     ▼            Config.Entered
//	                               in use (error)
package epoch
