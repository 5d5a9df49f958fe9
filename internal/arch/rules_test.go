package arch

// prefix begins the import path of everything here.
const prefix = "rollcall.dev/"

// goVersion is the go line of every go.mod and of go.work. It has a patch
// because a requirement has: `go mod tidy` would raise a plain 1.26.
const goVersion = "1.26.0"

// mayImport is the direction of the arrows: per module, the other modules its
// packages may import. Tests obey it too. A module that isn't listed fails.
var mayImport = map[string][]string{
	"events/schema":     {},
	"internal":          {},
	"events/bus":        {"events/schema", "internal"},
	"events/stream":     {"events/schema", "events/bus", "internal"},
	"services/edge":     {"events/schema", "events/bus", "events/stream", "internal"},
	"services/presence": {"events/schema", "events/bus", "events/stream", "internal"},
	"services/notifier": {"events/schema", "events/bus", "events/stream", "internal"},
	"deploy/standalone": {"events/schema", "events/bus", "events/stream", "internal", "services/edge", "services/presence", "services/notifier"},
	"test":              {"events/schema", "events/bus", "events/stream", "internal", "services/edge", "services/presence", "services/notifier", "deploy/standalone"},
	"bench":             {"events/schema", "events/bus", "events/stream", "internal", "services/edge", "services/presence", "services/notifier", "deploy/standalone"},
}

// pure are the packages that decide: functions of state and input, so that a
// replay gives the same answer. Neither they nor what they import of ours may
// see a clock, chance, a socket or a broker. Every package of the name fold is
// one, listed or not; a listed package that vanished fails.
var pure = []string{
	"events/stream/fold",
	"events/stream/pack",
	"services/presence/fold",
	"services/notifier/fold",
	"events/stream/lease",
	"services/edge/grant",
	"services/edge/session",
	"services/edge/transport",
	"services/edge/stomp",
	"services/edge/roster",
	"test/oracle",
}

// impureImports are what a pure package may not import, itself or below.
var impureImports = []string{
	"github.com/segmentio/kafka-go",
	"github.com/lxzan/gws",
	"github.com/ThreeDotsLabs/watermill",
	"github.com/twmb/franz-go",
	"github.com/prometheus/client_golang",
	"net",
	"net/http",
	"os",
	"math/rand",
	"math/rand/v2",
	"crypto/rand",
}

// clockFuncs are the functions of package time that read or wait for a clock.
var clockFuncs = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}

// onlyIn says where a package may be imported outside of _test.go files:
// in these directories and below.
var onlyIn = map[string][]string{
	// The embedded broker is for tests and the standalone build.
	"github.com/twmb/franz-go":              {"internal/brokertest", "deploy/standalone", "test", "bench"},
	"github.com/coder/websocket":            {"test", "bench"},
	"github.com/go-stomp/stomp":             {"test", "bench"},
	"github.com/santhosh-tekuri/jsonschema": {"test"},
	"github.com/stretchr/testify":           {},
	"pgregory.net/rapid":                    {"test"},

	"testing":                                        {"events/stream/host/hosttest", "events/stream/fold/foldtest", "internal/brokertest", "internal/leakcheck", "internal/retry", "internal/startstop/startstoptest", "services/edge/transport/transporttest", "test", "bench"},
	prefix + "internal/brokertest":                   {"events/stream/host/hosttest", "test", "bench"},
	prefix + "events/stream/host/hosttest":           {"test", "bench"},
	prefix + "internal/leakcheck":                    {"test", "bench"},
	prefix + "internal/retry":                        {"test", "bench"},
	prefix + "internal/startstop/startstoptest":      {},
	prefix + "services/edge/transport/transporttest": {},

	// Nothing below main handles signals.
	"os/signal": {"internal/process", "test", "bench"},
	// Everything builds without a C compiler.
	"C": {},
}

// forbiddenCalls may be called, outside of _test.go files, only in a package
// main or in the listed directories.
var forbiddenCalls = map[string][]string{
	"os.Exit":      {"internal/process", "internal/leakcheck"},
	"os.Getenv":    {"internal/process", "internal/brokertest", "test", "bench"},
	"os.LookupEnv": {"test", "bench"},
	"os.Environ":   {"test", "bench"},
	"log.Fatal":    {},
	"log.Fatalf":   {},
	"log.Fatalln":  {},
}

// Sizes at which a part has more than one subject.
const (
	maxFileLines = 500
	maxFuncLines = 80
	maxMainLines = 60
)
