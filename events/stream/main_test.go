package stream_test

import (
	"testing"

	"rollcall.dev/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }
