// Package ws carries sessions over WebSocket, on lxzan/gws behind net/http.
//
// gws parses and unmasks; all else is here, because its defaults are made for
// peers that behave (figures: 10,000 idle connections):
//
//   - bytes pass a guard before gws sees them, for one 14-byte frame panics it,
//     and a panic in its loop would leak the socket ([wire], [guard]);
//   - the reading goroutine only reads: each message is handled in a goroutine of
//     its own while the reader waits, so that its stack stays at 2 KB. gws has
//     the same as ParallelGolimit 1, but then its OnClose may overtake the last
//     message;
//   - what goes out has a queue per connection with a budget in bytes, and a
//     goroutine only while there is something to write ([conn]);
//   - one goroutine pings all connections, spread over the interval, and writes
//     by itself to those that have room: a ping allocates nothing ([pinger]);
//   - a connection ends in one way, whoever begins it: closing (what is queued,
//     the close frame, a bounded wait for the peer), then closed.
//
// Two locks: a registry's bucket, then a conn's mu; never the other way round.
package ws
