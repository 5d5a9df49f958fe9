// Package stomp reads and writes STOMP 1.0, 1.1 and 1.2 frames as bytes.
//
// It is written for a server that anybody may talk to: every frame, line and
// header count has a limit, nothing is allocated for a length that was only
// announced, and a broken frame is a typed error that says what is wrong.
// [Parser] takes bytes in any split (several frames in one WebSocket message,
// one frame over several) and gives the same frames and the same error for
// each. It looks at every byte a bounded number of times, so that a client
// that sends single bytes gains nothing by it.
//
// The rules are those of https://stomp.github.io/stomp-specification-1.2.html
// and its sisters for 1.1 and 1.0, with these choices where they leave one:
//
//   - a CR before the LF that ends a line is part of the line's end, also in 1.0
//     and 1.1, where clients of the time send it;
//   - an undefined escape is fatal in 1.1 (where \r is one) and 1.2, as 1.2 demands;
//   - CONNECT, STOMP and CONNECTED are never unescaped or escaped;
//   - only SEND, MESSAGE and ERROR may have a body;
//   - blanks around names and values are trimmed in 1.0 (whose examples have
//     them) and in a CONNECT without accept-version, and nowhere else;
//   - of repeated headers the first counts ([Frame.Get]).
package stomp
