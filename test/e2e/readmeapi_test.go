package e2e

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"rollcall.dev/test/e2e/harness"
)

// word is one of a shell's command line, quoted or not.
var word = regexp.MustCompile(`'[^']*'|[^\s']+`)

// curl is what a line of the README asks for.
func curl(t *testing.T, line, addr string) *http.Request {
	t.Helper()
	words := word.FindAllString(line, -1)[1:]
	for i := range words {
		words[i] = strings.Trim(words[i], "'")
	}
	method, target, body, header := "", "", "", http.Header{}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			header.Set(name, value)
		case "-d":
			i++
			body = words[i]
		default:
			target = words[i]
		}
	}
	if method == "" && body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, strings.Replace("http://"+target, "localhost:8081", addr, 1), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	return req
}

// The README's examples of the API are answered.
func TestReadmeAPI(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	s := harness.StartStandalone(t, bin, "", "")
	client := http.Client{Timeout: harness.Patience}
	defer client.CloseIdleConnections()
	asked := 0
	for line := range strings.SplitSeq(string(readme), "\n") {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		asked++
		res, err := client.Do(curl(t, line, s.Presence))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 || !strings.HasPrefix(string(body), "{") {
			t.Errorf("%s: %s %s", line, res.Status, body)
		}
	}
	if asked < 6 {
		t.Errorf("%d examples were found", asked)
	}
}
