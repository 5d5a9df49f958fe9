package sockjs

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/services/edge/ws"
)

func decoded(body []byte, limit int) (messages []string, err error) {
	err = decode(bytes.NewReader(body), limit, func(p []byte) { messages = append(messages, string(p)) })
	return messages, err
}

func TestDecode(t *testing.T) {
	for body, want := range map[string][]string{
		`["a"]`: {"a"}, ` [ "a" , "b\n" ] `: {"a", "b\n"}, `"one"`: {"one"}, `[]`: nil, `[""]`: {""},
		`["\ud83c\udf89\u00e9\\\/\u0000"]`: {"🎉é\\/\x00"}, `["\ud83cx\udf89"]`: {"\ufffdx\ufffd"},
	} {
		if got, err := decoded([]byte(body), 100); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", body, got, err)
		}
	}
	for body, want := range map[string]error{
		"": errEmpty, " \n": errEmpty, "{}": errSyntax, `["a"`: errSyntax, `["a`: errSyntax, `["a",]`: errSyntax, `[1]`: errSyntax, `[null]`: errSyntax,
		`["a"]x`: errSyntax, `["\x"]`: errSyntax, `["\u12g4"]`: errSyntax, "[\"\n\"]": errSyntax, "[\"\xff\"]": errUTF8,
		`["` + strings.Repeat("l", 101) + `"]`: ws.ErrTooLarge,
	} {
		if _, err := decoded([]byte(body), 100); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
	cut := io.MultiReader(strings.NewReader(`["whole","ha`), broken{})
	var got []string
	if err := decode(byteReader{cut}, 100, func(p []byte) { got = append(got, string(p)) }); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 1 {
		t.Errorf("cut off: %v, %q", err, got)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

type byteReader struct{ io.Reader }

func (r byteReader) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r.Reader, b[:])
	return b[0], err
}

// Whatever comes, it is what encoding/json makes of it, or refused by both; and
// what is encoded is read back.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`["a","b"]`, `"x"`, `["\ud83c\udf89 \ud800"]`, `[`, `["\\"]`, "[\"\xc3\x28\"]", `[null]`, " [ ] "} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decoded(body, len(body))
		want, fine := reference(body)
		if fine != (err == nil) || fine && !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; encoding/json says %q, %v", body, got, err, want, fine)
		}
		var back string
		if err := json.Unmarshal(append(appendEscaped([]byte{'"'}, body), '"'), &back); err != nil || back != strings.ToValidUTF8(back, "") ||
			string(bytes.Runes(body)) != string([]rune(back)) {
			t.Errorf("%q encoded is read as %q, %v", body, back, err)
		}
	})
}

func reference(body []byte) (messages []string, fine bool) {
	var all any
	if json.Unmarshal(body, &all) != nil || !validUTF8(body) {
		return nil, false
	}
	list, array := all.([]any)
	if !array {
		list = []any{all}
	}
	for _, e := range list {
		m, text := e.(string)
		if !text {
			return nil, false
		}
		messages = append(messages, m)
	}
	return messages, true
}

func validUTF8(p []byte) bool { return bytes.Equal(bytes.ToValidUTF8(p, nil), p) }
