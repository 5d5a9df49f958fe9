package settings

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// printHelp lists every flag with its default, unit and variable, one flag per
// paragraph, so that grep and eye find the same thing.
func printHelp(_ kong.HelpOptions, ctx *kong.Context) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Usage: %s [flags]\n\n%s\n\nFlags:\n", ctx.Model.Name, ctx.Model.Help)
	for _, flag := range ctx.Model.Flags {
		if flag.Hidden {
			continue
		}
		name := flag.Name
		if flag.Tag.Negatable != "" {
			name = "[no-]" + name
		}
		if flag.Name == "help" {
			fmt.Fprintf(&b, "  --%s\n      %s\n", name, flag.Help)
			continue
		}
		fmt.Fprintf(&b, "  --%s\n      %s\n      default: %s; %s; env: %s\n",
			name, flag.Help, shownDefault(flag), kind(flag), EnvName(flag.Name))
	}
	_, err := ctx.Stdout.Write(b.Bytes())
	return err
}

func shownDefault(flag *kong.Flag) string {
	if !flag.HasDefault || flag.Default == "" {
		if flag.IsBool() {
			return "false"
		}
		return "empty"
	}
	return flag.Default
}

// kind says in words which values a flag takes.
func kind(flag *kong.Flag) string {
	if flag.Enum != "" {
		return "one of " + strings.Join(flag.EnumSlice(), ", ")
	}
	low, high, unit := flag.Tag.Get("min"), flag.Tag.Get("max"), flag.Tag.Get("unit")
	switch {
	case flag.Target.Type() == durationType:
		if low == "" {
			low = "0s"
		}
		return "a duration such as 500ms, 10s or 2m" + bounds(low, high)
	case flag.IsBool():
		return "true or false"
	case flag.IsSlice():
		return "a list of " + orElse(unit, "values") + " separated by commas"
	case flag.Target.CanInt() || flag.Target.CanUint():
		return "a whole number" + of(unit) + bounds(low, high)
	case flag.Target.CanFloat():
		return "a number" + of(unit) + bounds(low, high)
	}
	return orElse(unit, "text")
}

func bounds(low, high string) string {
	switch {
	case low != "" && high != "":
		return fmt.Sprintf(", from %s to %s", low, high)
	case low != "":
		return ", at least " + low
	case high != "":
		return ", at most " + high
	}
	return ""
}

func of(unit string) string {
	if unit == "" {
		return ""
	}
	return " of " + unit
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
