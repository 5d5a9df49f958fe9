package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// EnvBin names a directory with programs that were built before.
const EnvBin = "ROLLCALL_TEST_BIN"

// Build builds programs of this repository into dir, by their paths from its
// root, and returns where they are.
func Build(dir string, mains ...string) ([]string, error) {
	bin := os.Getenv(EnvBin)
	if bin == "" {
		_, here, _, _ := runtime.Caller(0)
		cmd := exec.Command("go", append([]string{"build", "-o", dir + "/"}, mains...)...)
		cmd.Dir = filepath.Join(filepath.Dir(here), "..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %v: %w\n%s", mains, err, out)
		}
		bin = dir
	}
	var paths []string
	for _, main := range mains {
		paths = append(paths, filepath.Join(bin, filepath.Base(main)))
	}
	return paths, nil
}
