// Package e2e runs the programs of this repository as processes and drives
// them with stock clients. ROLLCALL_TEST_BROKERS lets them use an outside
// Kafka, ROLLCALL_TEST_BIN programs that were built before.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall.dev/test/contract"
	"rollcall.dev/test/process"
)

var (
	bin     process.Binaries
	schemas *contract.Schemas
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Most of what the tests do is wait: for grace periods, leases, restarts.
	_ = flag.Set("test.parallel", "16")
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "rollcall-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if schemas, err = contract.Load("../../events/schema/jsonschema"); err != nil {
		return 1, err
	}
	if bin, err = process.Build("../..", dir); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// prefix is a topic prefix that no other run has.
func prefix(t *testing.T) string {
	name := strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())
	return "e2e-" + name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "."
}
