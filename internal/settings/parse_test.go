package settings_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/internal/settings"
)

type cli struct {
	settings.Kafka    `embed:""`
	settings.Log      `embed:""`
	settings.Identity `embed:""`

	Listen     string        `default:":8080" check:"addr" unit:"host:port" help:"Address to listen on."`
	LeaveDelay time.Duration `default:"10s" max:"1h" help:"Grace after an unclean end."`
	Share      float64       `default:"0.5" min:"0" max:"1" unit:"all edges" help:"Share of edges."`
	Origins    []string      `unit:"origins" help:"Allowed origins."`
	Limit      uint          `default:"1000" max:"5000" unit:"members" help:"Roster limit."`
}

func (c *cli) Validate() error {
	if c.Listen == c.InstanceID {
		return errors.New("--listen: is the same as --instance-id; want different ones")
	}
	return nil
}

func parse(t *testing.T, env map[string]string, args ...string) (*cli, error) {
	t.Helper()
	var c cli
	exit, err := settings.Parse("edge", "Sockets in.", args, func(k string) string { return env[k] }, io.Discard, &c)
	if exit {
		t.Fatal("Parse wants to exit")
	}
	return &c, err
}

func TestDefaults(t *testing.T) {
	c, err := parse(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Brokers, []string{"localhost:9092"}) || c.Partitions != 16 || c.Replication != 1 ||
		!c.CreateTopics || c.TopicPrefix != "" {
		t.Errorf("Kafka: %+v", c.Kafka)
	}
	if c.Level != "info" || c.Format != "text" || c.LeaveDelay != 10*time.Second || c.InstanceID != "" {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFlagBeatsEnvironmentBeatsDefault(t *testing.T) {
	env := map[string]string{
		"ROLLCALL_LEAVE_DELAY":         "3s",
		"ROLLCALL_KAFKA_BROKERS":       "a:1,b:2",
		"ROLLCALL_KAFKA_CREATE_TOPICS": "false",
		"ROLLCALL_LOG_LEVEL":           "warn",
		"ROLLCALL_LISTEN":              "",
	}
	c, err := parse(t, env, "--leave-delay=4s")
	if err != nil {
		t.Fatal(err)
	}
	if c.LeaveDelay != 4*time.Second {
		t.Errorf("leave delay %v, want the flag's 4s", c.LeaveDelay)
	}
	if !slices.Equal(c.Brokers, []string{"a:1", "b:2"}) || c.CreateTopics || c.Level != "warn" {
		t.Errorf("environment not taken: %+v", c)
	}
	if c.Listen != ":8080" {
		t.Errorf("an empty variable gave listen %q, want the default", c.Listen)
	}
}

func TestNegation(t *testing.T) {
	c, err := parse(t, nil, "--no-kafka-create-topics")
	if err != nil || c.CreateTopics {
		t.Errorf("--no-kafka-create-topics: %v, %v", c.CreateTopics, err)
	}
	c, err = parse(t, map[string]string{"ROLLCALL_KAFKA_CREATE_TOPICS": "false"}, "--kafka-create-topics")
	if err != nil || !c.CreateTopics {
		t.Errorf("--kafka-create-topics: %v, %v", c.CreateTopics, err)
	}
}

// Every wrong value gives one line that names the setting, what was given and
// what would be right.
func TestWrongValues(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  map[string]string
		want []string
	}{
		"no duration":          {[]string{"--leave-delay=soon"}, nil, []string{"--leave-delay", "soon", "500ms"}},
		"no unit":              {[]string{"--leave-delay=10"}, nil, []string{"--leave-delay", "10", "500ms"}},
		"negative duration":    {[]string{"--leave-delay=-1s"}, nil, []string{"--leave-delay", "-1s", "from 0s to 1h"}},
		"duration too long":    {[]string{"--leave-delay=2h"}, nil, []string{"--leave-delay", "2h0m0s", "from 0s to 1h"}},
		"duration from env":    {nil, map[string]string{"ROLLCALL_LEAVE_DELAY": "soon"}, []string{"ROLLCALL_LEAVE_DELAY", "--leave-delay", "soon", "500ms"}},
		"range from env":       {nil, map[string]string{"ROLLCALL_LEAVE_DELAY": "2h"}, []string{"ROLLCALL_LEAVE_DELAY", "2h0m0s", "1h"}},
		"no number":            {[]string{"--kafka-partitions=many"}, nil, []string{"--kafka-partitions", "many", "whole number of partitions, from 1 to 10000"}},
		"zero partitions":      {[]string{"--kafka-partitions=0"}, nil, []string{"--kafka-partitions", "0", "from 1 to 10000"}},
		"too many partitions":  {[]string{"--kafka-partitions=10001"}, nil, []string{"--kafka-partitions", "10001"}},
		"share above one":      {[]string{"--share=1.5"}, nil, []string{"--share", "1.5", "from 0 to 1"}},
		"share not a number":   {[]string{"--share=NaN"}, nil, []string{"--share", "NaN", "from 0 to 1"}},
		"limit too high":       {[]string{"--limit=5001"}, nil, []string{"--limit", "5001", "at most 5000"}},
		"negative limit":       {[]string{"--limit=-1"}, nil, []string{"--limit", "-1"}},
		"unknown level":        {[]string{"--log-level=loud"}, nil, []string{"--log-level", "loud", "debug"}},
		"unknown level in env": {nil, map[string]string{"ROLLCALL_LOG_LEVEL": "loud"}, []string{"ROLLCALL_LOG_LEVEL", "loud", "debug"}},
		"no address":           {[]string{"--listen=8080"}, nil, []string{"--listen", "8080", "host:port"}},
		"no port":              {[]string{"--listen=:http"}, nil, []string{"--listen", ":http", "65535"}},
		"port too high":        {[]string{"--listen=:70000"}, nil, []string{"--listen", ":70000", "65535"}},
		"broker without port":  {[]string{"--kafka-brokers=kafka"}, nil, []string{"--kafka-brokers", "kafka", "host:port"}},
		"broker on port 0":     {[]string{"--kafka-brokers=a:1,b:0"}, nil, []string{"--kafka-brokers", "b:0"}},
		"no broker":            {[]string{"--kafka-brokers="}, nil, []string{"--kafka-brokers", "host:port"}},
		"bad instance":         {[]string{"--instance-id=a b"}, nil, []string{"--instance-id", "a b", "A-Z"}},
		"bad prefix":           {[]string{"--kafka-topic-prefix=a/b"}, nil, []string{"--kafka-topic-prefix", "a/b"}},
		"no boolean":           {nil, map[string]string{"ROLLCALL_KAFKA_CREATE_TOPICS": "maybe"}, []string{"ROLLCALL_KAFKA_CREATE_TOPICS", "maybe", "true or false"}},
		"unknown flag":         {[]string{"--leav-delay=1s"}, nil, []string{"--leav-delay", "--leave-delay", "--help"}},
		"argument":             {[]string{"now"}, nil, []string{"now", "--help"}},
		"missing value":        {[]string{"--leave-delay"}, nil, []string{"--leave-delay", "nothing", "500ms"}},
		"own validation":       {[]string{"--listen=:1", "--instance-id=:1"}, nil, []string{"--listen", "--instance-id"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, tc.env, tc.args...)
			if _, ok := errors.AsType[*settings.UsageError](err); !ok {
				t.Fatalf("error %v (%T), want a UsageError", err, err)
			}
			t.Log(err)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not contain %q", err, part)
				}
			}
		})
	}
}

func TestHelpListsDefaultUnitAndEnvironment(t *testing.T) {
	var out strings.Builder
	exit, err := settings.Parse("edge", "Sockets in, events out.", []string{"--help"},
		func(string) string { return "" }, &out, &cli{})
	if err != nil || !exit {
		t.Fatalf("Parse: exit %v, %v", exit, err)
	}
	for _, want := range []string{
		"Usage: edge [flags]\n\nSockets in, events out.\n",
		"  --leave-delay\n      Grace after an unclean end.\n      default: 10s; a duration such as 500ms, 10s or 2m, from 0s to 1h; env: ROLLCALL_LEAVE_DELAY\n",
		"default: localhost:9092; a list of host:port separated by commas; env: ROLLCALL_KAFKA_BROKERS",
		"default: 16; a whole number of partitions, from 1 to 10000; env: ROLLCALL_KAFKA_PARTITIONS",
		"--[no-]kafka-create-topics",
		"default: info; one of debug, info, warn, error; env: ROLLCALL_LOG_LEVEL",
		"default: empty; a list of origins",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("--help lacks %q:\n%s", want, out.String())
		}
	}
}

func TestHelpIgnoresWrongValues(t *testing.T) {
	exit, err := settings.Parse("edge", "", []string{"--help"},
		func(string) string { return "nonsense" }, io.Discard, &cli{})
	if err != nil || !exit {
		t.Errorf("--help with a wrong environment: exit %v, %v", exit, err)
	}
}

func TestDeclarationErrors(t *testing.T) {
	type bad struct {
		Delay time.Duration `default:"1s" max:"one hour"`
		Mode  string        `check:"colour"`
	}
	_, err := settings.Parse("x", "", nil, func(string) string { return "" }, io.Discard, &bad{})
	if err == nil || !strings.Contains(err.Error(), "one hour") {
		t.Errorf("wrong bound: %v", err)
	}
	_, err = settings.Parse("x", "", nil, func(string) string { return "" }, io.Discard, 42)
	if err == nil {
		t.Error("settings that are no struct were accepted")
	}
}
