// Package sockjs carries sessions over SockJS, for clients whose way to the
// edge lets no WebSocket through: a second implementation of package transport.
//
// Its WebSocket is that of package ws with an envelope. The others are HTTP: a
// client holds a receiving request (xhr-streaming, eventsource) or asks again
// and again (xhr-polling), and sends with requests of their own (xhr_send). All
// name the session in their path, /{server}/{session}/{transport}.
//
// A session over HTTP lives between requests and is bounded in each way:
//
//   - their number has a limit, and an id that nobody knows costs nothing;
//   - one receiving request at a time; its goroutine writes, each write with a
//     deadline. What it hasn't taken has a budget in bytes ([conn]);
//   - what is sent is decoded while it is read, so that a body costs no more
//     memory than one message ([decode]);
//   - one goroutine keeps the clocks and sees to the end ([conn.run]).
//
// A client shows that it lives by asking again: a receiving request ends after a
// while, and who doesn't return is lost. So a client that vanished is noticed no
// later than over WebSocket, and nothing depends on what it sends.
//
//	open ──Close──▶ closing ──told, or CloseTimeout──▶ closed
//	open ──request broken off, or none for DisconnectDelay──▶ closed
//
// Two locks: the registry's, then a conn's mu; never the other way round.
package sockjs
