//go:build !race

package stream_test

const sparse = 1
