package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/test/e2e/harness"
	"rollcall.dev/test/process"
)

// runOnce runs a program that is expected to end by itself.
func runOnce(t *testing.T, name string, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin.Path(name), args...)
	cmd.Env = append(process.Environment(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %v didn't end: %s", name, args, errs.String())
	}
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

var kafkaFlags = []string{"kafka-brokers", "kafka-partitions", "kafka-topic-prefix", "kafka-replication", "log-level", "log-format"}

var jwtFlags = []string{"jwt-secret", "jwt-secret-file", "jwt-public-key-file", "jwt-jwks-url", "jwt-jwks-refresh", "jwt-algorithms", "jwt-issuer",
	"jwt-audience", "jwt-leeway", "jwt-cookie", "jwt-channels-claim", "jwt-open-channels", "jwt-event-claims"}

// flags are what each program has at least.
var flags = map[string][]string{
	"edge":     slices.Concat(kafkaFlags, []string{"listen", "ops-listen", "instance-id", "heartbeat-interval", "auth", "allowed-origins", "expiry-notice"}, jwtFlags),
	"presence": slices.Concat(kafkaFlags, []string{"listen", "instance-id", "leave-delay", "leave-delay-clean", "leave-delay-drain", "edge-lease", "heartbeat-interval", "admin-token"}),
	"notifier": slices.Concat(kafkaFlags, []string{"admin-token", "listen", "instance-id", "edge-lease", "heartbeat-interval"}),
	"standalone": slices.Concat(kafkaFlags, []string{"edge-listen", "edge-ops-listen", "presence-listen", "notifier-listen", "data-dir",
		"kafka-listen", "instance-id", "leave-delay", "leave-delay-clean", "leave-delay-drain", "edge-lease", "heartbeat-interval", "auth", "allowed-origins", "expiry-notice", "admin-token"}, jwtFlags),
}

func TestHelpListsEveryFlag(t *testing.T) {
	t.Parallel()
	for name, want := range flags {
		code, stdout, stderr := runOnce(t, name, nil, "--help")
		if code != 0 || stderr != "" {
			t.Errorf("%s --help: exit code %d, said %q", name, code, stderr)
		}
		for _, flag := range want {
			env := "ROLLCALL_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
			if !strings.Contains(stdout, "--"+flag+"\n") || !strings.Contains(stdout, "env: "+env+"\n") {
				t.Errorf("%s --help doesn't list --%s with %s", name, flag, env)
			}
		}
		if n := strings.Count(stdout, "default: "); n < len(want) {
			t.Errorf("%s --help: %d defaults of %d flags", name, n, len(want))
		}
	}
}

func TestWrongSettingsStopTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, program, want string
		env, args           []string
	}{
		{"no auth", "edge", "auth", nil, nil},
		{"unknown auth", "edge", "auth", nil, []string{"--auth=magic"}},
		{"no auth, all in one", "standalone", "auth", nil, []string{"--data-dir="}},
		{"tokens without a key", "edge", "--jwt-jwks-url", nil, []string{"--auth=jwt"}},
		{"short secret", "edge", "at least 32", []string{"ROLLCALL_JWT_SECRET=secret"}, []string{"--auth=jwt"}},
		{"no key file", "standalone", "jwt-public-key-file", nil, []string{"--data-dir=", "--auth=jwt", "--jwt-public-key-file=/nowhere/key.pem"}},
		{"secret without tokens", "edge", "--auth=jwt", []string{"ROLLCALL_JWT_SECRET=0123456789abcdef0123456789abcdef"}, []string{"--auth=none"}},
		{"short admin token", "presence", "admin-token", []string{"ROLLCALL_ADMIN_TOKEN=secret"}, nil},
		{"unknown flag", "presence", "no-such", nil, []string{"--no-such=1"}},
		{"no duration", "presence", "leave-delay", nil, []string{"--leave-delay=soon"}},
		{"negative", "presence", "leave-delay", nil, []string{"--leave-delay=-1s"}},
		{"from the environment", "presence", "ROLLCALL_LEAVE_DELAY", []string{"ROLLCALL_LEAVE_DELAY=soon"}, nil},
		{"no partitions", "notifier", "kafka-partitions", nil, []string{"--kafka-partitions=0"}},
		{"no address", "notifier", "listen", nil, []string{"--listen=here"}},
		{"bad prefix", "notifier", "kafka-topic-prefix", nil, []string{"--kafka-topic-prefix=a/b"}},
		{"no brokers", "edge", "kafka-brokers", nil, []string{"--auth=none", "--kafka-brokers=nowhere"}},
		{"no log level", "edge", "log-level", nil, []string{"--auth=none", "--log-level=loud"}},
		{"extra argument", "edge", "again", nil, []string{"--auth=none", "again"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, _, stderr := runOnce(t, c.program, c.env, c.args...)
			if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) || !strings.HasPrefix(stderr, c.program+": ") {
				t.Errorf("exit code %d, said %q", code, stderr)
			}
		})
	}
}

// A port that is taken is one clear line too.
func takenPort(t *testing.T, s *harness.Standalone) {
	code, _, stderr := runOnce(t, "standalone", nil, "--auth=none", "--data-dir=", "--kafka-topic-prefix="+s.Prefix,
		"--kafka-listen=127.0.0.1:0", "--edge-listen="+s.Edge, "--edge-ops-listen=127.0.0.1:0",
		"--presence-listen=127.0.0.1:0", "--notifier-listen=127.0.0.1:0", "--log-level=error")
	last := stderr[strings.LastIndex(strings.TrimSpace(stderr), "\n")+1:]
	if code == 0 || !strings.Contains(last, s.Edge) || !strings.Contains(last, "in use") {
		t.Errorf("exit code %d, said %q", code, stderr)
	}
}
