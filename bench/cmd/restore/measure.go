package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"rollcall.dev/bench/rig"
)

// limit of one restore.
const limit = 5 * time.Minute

// measure prints a line for each size.
func measure(counts []int, times int) error {
	dir, err := os.MkdirTemp("", "rollcall-restore-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	paths, err := rig.Build(dir, "./services/presence/cmd/presence")
	if err != nil {
		return err
	}
	fmt.Println("    users  changelog    floor  restore  per user      peak  per user      live  per user")
	for _, users := range counts {
		if err := measureOne(dir, paths[0], users, times); err != nil {
			return fmt.Errorf("%d users: %w", users, err)
		}
	}
	return nil
}

// measureOne has a broker of its own, unless there is an outside one.
func measureOne(dir, presence string, users, times int) error {
	brokers := os.Getenv(rig.EnvBrokers)
	if brokers == "" {
		cmd, out, err := self("-role=broker")
		if err != nil {
			return err
		}
		defer end(cmd)
		line, err := out.ReadString('\n')
		if err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		brokers = strings.TrimSpace(line)
	}
	prefix := fmt.Sprintf("restore-%d.", time.Now().UnixNano())
	if _, err := ask("-role=fill", brokers, prefix, fmt.Sprint("-users=", users), fmt.Sprint("-versions=", times)); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	floor, err := ask("-role=floor", brokers, prefix)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	var floorMS, size int64
	if _, err := fmt.Sscan(floor, &floorMS, &size); err != nil {
		return fmt.Errorf("floor says %q: %w", floor, err)
	}
	r, err := restore(dir, presence, brokers, prefix)
	if err != nil {
		return err
	}
	per := func(total float64) float64 { return total / float64(users) }
	fmt.Printf("%9d %6.0f MiB %6.2f s %6.2f s %6.1f µs %5.0f MiB %5.0f B %7.0f MiB %5.0f B\n", users, mib(size), float64(floorMS)/1000,
		r.took.Seconds(), per(float64(r.took.Microseconds())), mib(r.peak), per(float64(r.peak-r.bare)), mib(r.live), per(float64(r.live)))
	return nil
}

type restored struct {
	took time.Duration
	// bare is resident before anything is restored, peak the most there ever was.
	bare, peak int64
	// live is the heap in use after a collection.
	live int64
}

// restore runs presence until every partition runs. The edges of the state
// have no heartbeats here, and the longest lease there is.
func restore(dir, path, brokers, prefix string) (r restored, err error) {
	listen, err := rig.FreeAddr()
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	p, err := rig.Start(dir, path, "--kafka-brokers="+brokers, "--kafka-topic-prefix="+prefix, "--log-level=warn",
		"--instance-id=presence-0", "--listen="+listen, "--edge-lease=10m", fmt.Sprint("--kafka-partitions=", partitions))
	if err != nil {
		return r, err
	}
	defer p.Stop()
	for r.bare == 0 { // its address answers before it has read anything
		if r.bare, err = answering(p.PID, listen); err != nil && ctx.Err() != nil {
			return r, err
		}
	}
	if err := p.Ready(ctx, listen); err != nil {
		return r, err
	}
	r.took = time.Since(began)
	if r.peak, err = rig.Peak(p.PID); err != nil {
		return r, err
	}
	r.live, err = live(ctx, listen)
	return r, err
}

func answering(pid int, listen string) (int64, error) {
	resp, err := http.Get("http://" + listen + "/healthz")
	if err != nil {
		time.Sleep(time.Millisecond)
		return 0, err
	}
	defer resp.Body.Close()
	return rig.Resident(pid)
}

// live waits for the collection that the runtime makes at least every two
// minutes, unless one has followed the restore, and takes what is left then.
func live(ctx context.Context, listen string) (int64, error) {
	least := int64(0)
	for deadline := time.Now().Add(*settle); ; {
		n, err := gauge(ctx, listen, "go_memstats_heap_alloc_bytes")
		if err != nil {
			return 0, err
		}
		if least == 0 || n < least {
			least = n
		}
		if time.Now().After(deadline) {
			return least, nil
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func gauge(ctx context.Context, listen, name string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			return int64(n), err
		}
	}
	return 0, fmt.Errorf("%s has no %s", listen, name)
}

func mib(b int64) float64 { return float64(b) / (1 << 20) }

// self starts this program in another role; it ends with its standard input.
func self(args ...string) (*exec.Cmd, *bufio.Reader, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, nil, err
	}
	return cmd, bufio.NewReader(out), cmd.Start()
}

// ask runs this program in another role to its end and returns what it says.
func ask(role, brokers, prefix string, more ...string) (string, error) {
	cmd, out, err := self(append([]string{role, "-brokers=" + brokers, "-prefix=" + prefix}, more...)...)
	if err != nil {
		return "", err
	}
	said, err := io.ReadAll(out)
	if werr := cmd.Wait(); err == nil {
		err = werr
	}
	return string(said), err
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
