package outbox

import (
	"testing"

	"rollcall.dev/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }
