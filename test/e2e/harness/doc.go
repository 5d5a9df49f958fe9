// Package harness runs the binaries of this repository as processes and looks
// at them from outside: with a stock STOMP client over WebSocket and a stock
// Kafka client. It knows nothing of the services' insides.
package harness
