//go:build race

package stream_test

// sparse is how many times fewer cases of a sweep are tried: the race detector
// makes each many times slower, and it looks for something else than they do.
const sparse = 5
