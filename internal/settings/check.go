package settings

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

var durationType = reflect.TypeFor[time.Duration]()

// checkFlag holds the value of a flag against its min, max and check tags.
func checkFlag(flag *kong.Flag) error {
	if err := checkRange(flag); err != nil {
		return err
	}
	switch what := flag.Tag.Get("check"); what {
	case "":
		return nil
	case "addr":
		return checkAddr(flag.Target.String(), true)
	case "addrs":
		return checkAddrs(flag.Target)
	case "id":
		return checkID(flag.Target.String())
	default:
		return fmt.Errorf("its tag check:%q is unknown", what)
	}
}

func checkRange(flag *kong.Flag) error {
	low, high := flag.Tag.Get("min"), flag.Tag.Get("max")
	value := flag.Target
	isDuration := value.Type() == durationType
	if isDuration && low == "" {
		low = "0s"
	}
	if low == "" && high == "" {
		return nil
	}
	for _, bound := range []struct {
		text  string
		wrong int
	}{{low, -1}, {high, +1}} {
		if bound.text == "" {
			continue
		}
		order, err := compare(value, bound.text)
		if err != nil {
			return fmt.Errorf("its bound %q: %w", bound.text, err)
		}
		if order == bound.wrong {
			return fmt.Errorf("%v is out of range; want %s", value.Interface(), kind(flag))
		}
	}
	return nil
}

// compare tells whether value is below (-1), at or above (+1) a bound.
func compare(value reflect.Value, bound string) (int, error) {
	switch {
	case value.Type() == durationType:
		b, err := time.ParseDuration(bound)
		return order(value.Int(), int64(b)), err
	case value.CanInt():
		b, err := strconv.ParseInt(bound, 10, 64)
		return order(value.Int(), b), err
	case value.CanUint():
		b, err := strconv.ParseUint(bound, 10, 64)
		return order(value.Uint(), b), err
	case value.CanFloat():
		b, err := strconv.ParseFloat(bound, 64)
		return order(value.Float(), b), err
	}
	return 0, fmt.Errorf("a %s has no range", value.Type())
}

// order is written so that NaN lies below every bound.
func order[T int64 | uint64 | float64](a, b T) int {
	switch {
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return -1
}

func checkAddr(addr string, listen bool) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address; want host:port, such as 127.0.0.1:9092", addr)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no usable port; want a number from 0 to 65535", addr)
	}
	if !listen && (host == "" || n == 0) {
		return fmt.Errorf("%q can't be connected to; want host:port, such as 127.0.0.1:9092", addr)
	}
	return nil
}

func checkAddrs(list reflect.Value) error {
	addrs, ok := list.Interface().([]string)
	if !ok || len(addrs) == 0 {
		return errors.New("is empty; want one host:port at least, such as localhost:9092")
	}
	for _, addr := range addrs {
		if err := checkAddr(addr, false); err != nil {
			return err
		}
	}
	return nil
}

func checkID(id string) error {
	if len(id) > maxID || strings.ContainsFunc(id, notInID) {
		return fmt.Errorf("%q is no identifier; want up to %d of A-Z a-z 0-9 . _ -", id, maxID)
	}
	return nil
}

func checkEnum(flag *kong.Flag, value string) error {
	if flag.Enum == "" || flag.EnumMap()[value] {
		return nil
	}
	return fmt.Errorf("%q is unknown; want %s", value, kind(flag))
}
