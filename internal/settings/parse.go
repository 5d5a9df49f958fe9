package settings

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// EnvPrefix begins the name of every environment variable.
const EnvPrefix = "ROLLCALL_"

// UsageError is a setting that can't be used. Its text is one line that names
// the setting and says what would be right.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

func (e *UsageError) Unwrap() error { return e.Err }

// EnvName is the environment variable of a flag: leave-delay has
// ROLLCALL_LEAVE_DELAY.
func EnvName(flag string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Parse fills cli, a pointer to a struct, from args (without the program's
// name) and getenv. For --help it prints the settings to stdout and returns
// exit: there is nothing left to do. The error is a [*UsageError], unless cli
// itself is declared wrongly.
func Parse(name, description string, args []string, getenv func(string) string, stdout io.Writer, cli any) (exit bool, err error) {
	env := environment{getenv}
	parser, err := kong.New(cli,
		kong.Name(name),
		kong.Description(description),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { exit = true }),
		kong.Help(printHelp),
		kong.Resolvers(env),
	)
	if err != nil {
		return false, fmt.Errorf("declare settings of %s: %w", name, err)
	}
	parsed, err := parser.Parse(args)
	if exit {
		return true, nil
	}
	if err != nil {
		return false, &UsageError{oneLine(explain(parser.Model, err))}
	}
	for _, flag := range parser.Model.Flags {
		if err := checkFlag(flag); err != nil {
			return false, &UsageError{fmt.Errorf("%s: %w", source(parsed, env, flag), err)}
		}
	}
	return false, nil
}

// environment resolves flags that were not given from variables.
type environment struct{ getenv func(string) string }

func (environment) Validate(*kong.Application) error { return nil }

func (e environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value := e.value(flag)
	if value == "" {
		return nil, nil
	}
	// Tried here first, because here it is known where the value is from.
	trial := reflect.New(flag.Target.Type()).Elem()
	scan := kong.Scan().PushTyped(value, kong.FlagValueToken)
	if err := flag.Mapper.Decode(&kong.DecodeContext{Value: flag.Value, Scan: scan}, trial); err != nil {
		return nil, &envError{flag, fmt.Errorf("%w; want %s", err, kind(flag))}
	}
	if err := checkEnum(flag, value); err != nil {
		return nil, &envError{flag, err}
	}
	return value, nil
}

func (e environment) value(flag *kong.Flag) string {
	if flag.Name == "help" {
		return ""
	}
	return strings.TrimSpace(e.getenv(EnvName(flag.Name)))
}

// envError keeps the flag of a bad variable through kong's wrapping.
type envError struct {
	flag *kong.Flag
	err  error
}

func (e *envError) Error() string {
	return fmt.Sprintf("%s (environment of --%s): %s", EnvName(e.flag.Name), e.flag.Name, e.err)
}

// explain adds to an error of kong what kong doesn't know: which values are
// right, or where they are listed.
func explain(app *kong.Application, err error) error {
	if e, ok := errors.AsType[*envError](err); ok {
		return e
	}
	text := strings.Replace(err.Error(), `"EOL" (<EOL>)`, "nothing", 1)
	if strings.Contains(text, "; want ") {
		return err // from a Validate that says it all
	}
	for _, flag := range app.Flags {
		named := "--" + flag.Name
		rest, ok := strings.CutPrefix(text, named)
		if !ok || rest == "" || !strings.ContainsAny(rest[:1], ":= ") || flag.Enum != "" {
			continue
		}
		return fmt.Errorf("%s; want %s", strings.Replace(text, named+"="+flag.FormatPlaceHolder(), named, 1), kind(flag))
	}
	if strings.HasPrefix(text, "unknown flag") || strings.HasPrefix(text, "unexpected argument") {
		return fmt.Errorf("%s; --help lists all settings", text)
	}
	return err
}

// source names where the value of a flag is from, for an error about it.
func source(parsed *kong.Context, env environment, flag *kong.Flag) string {
	for _, p := range parsed.Path {
		if p.Flag == flag && !p.Resolved {
			return "--" + flag.Name
		}
	}
	if env.value(flag) != "" {
		return fmt.Sprintf("%s (environment of --%s)", EnvName(flag.Name), flag.Name)
	}
	return "--" + flag.Name
}

func oneLine(err error) error {
	if text := err.Error(); strings.ContainsAny(text, "\r\n") {
		return errors.New(strings.Join(strings.Fields(text), " "))
	}
	return err
}
