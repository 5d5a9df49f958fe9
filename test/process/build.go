package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// EnvBin names a directory with binaries that were built before, to save the
// build.
const EnvBin = "ROLLCALL_TEST_BIN"

// mains are the programs, by name, from the repository's root.
var mains = map[string]string{
	"edge":       "./services/edge/cmd/edge",
	"presence":   "./services/presence/cmd/presence",
	"notifier":   "./services/notifier/cmd/notifier",
	"standalone": "./deploy/standalone/cmd/standalone",
}

// Binaries are the programs under test.
type Binaries struct{ dir string }

// Path is where a program is.
func (b Binaries) Path(name string) string { return filepath.Join(b.dir, name) }

// Build builds all programs of the repository at root into dir.
func Build(root, dir string) (Binaries, error) {
	if bin := os.Getenv(EnvBin); bin != "" {
		return Binaries{dir: bin}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	args := []string{"build", "-o", dir + "/"}
	for _, main := range mains {
		args = append(args, main)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return Binaries{dir: dir}, nil
}
