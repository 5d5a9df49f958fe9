// Package schema is the contract of Rollcall: topic names, keys, event types,
// their data, and what clients receive. Every record of a public topic is one
// CloudEvents 1.0 JSON object (structured mode); internal topics carry plain
// JSON of types in this package.
//
// Compatibility: within a version (the ".v1" of an event type) types only gain
// optional fields, each with a usable zero value. Readers ship before writers.
//
// The package imports the standard library only.
package schema
