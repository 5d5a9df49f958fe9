package process

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"
)

// Ready waits until the operations server at addr says so, or the process or
// the context has ended.
func (p *Process) Ready(ctx context.Context, addr string) error {
	for {
		status, body, err := Get("http://" + addr + "/readyz")
		if err == nil && status == http.StatusOK {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d %s", status, body)
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s has ended: %v\n%s", p.Name, p.err, Tail(p.Output(), 2000))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.Name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

var httpClient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Get is one HTTP request.
func Get(url string) (status int, body string, err error) {
	resp, err := httpClient.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(resp.Body)
	return resp.StatusCode, buf.String(), err
}
