package rest

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"rollcall.dev/internal/problem"
)

// huma has one error type per process. A request that isn't as its schema says
// is 400 here, not 422: a client that reads either can't do more about one.
// What was sent isn't echoed, it may be long.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		if status == http.StatusUnprocessableEntity {
			status = http.StatusBadRequest
		}
		p := &problem.Problem{Status: status, Title: http.StatusText(status), Detail: message}
		for _, err := range errs {
			if d, ok := err.(huma.ErrorDetailer); ok {
				detail := d.ErrorDetail()
				p.Errors = append(p.Errors, problem.Part{Message: detail.Message, Location: detail.Location})
			} else if err != nil {
				p.Errors = append(p.Errors, problem.Part{Message: err.Error()})
			}
		}
		return p
	}
}

// admit lets in as many requests as there are slots.
func (a *API) admit(ctx huma.Context, next func(huma.Context)) {
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
		next(ctx)
	default:
		write(ctx, problem.Unavailable("%d requests are handled already", cap(a.slots)))
	}
}

// noStore: an answer is of the moment.
func noStore(ctx huma.Context, next func(huma.Context)) {
	ctx.SetHeader("Cache-Control", "no-store")
	next(ctx)
}

// acceptable refuses who takes no JSON. huma's own refusal panics.
func acceptable(ctx huma.Context, next func(huma.Context)) {
	if accept := ctx.Header("Accept"); !takesJSON(accept) {
		write(ctx, &problem.Problem{Status: http.StatusNotAcceptable, Title: http.StatusText(http.StatusNotAcceptable),
			Detail: fmt.Sprintf("the header Accept is %.100q, answers are application/json", accept)})
		return
	}
	next(ctx)
}

// understood refuses to write what is asked with a query that means nothing, or
// isn't read as it was meant: ?sessoin=… must not end all sessions.
func understood(ctx huma.Context, next func(huma.Context)) {
	if op := ctx.Operation(); op.Method != http.MethodGet {
		u := ctx.URL()
		if err := checkQuery(u.RawQuery, op.Parameters); err != nil {
			write(ctx, problem.Bad("query", err))
			return
		}
	}
	next(ctx)
}

func checkQuery(raw string, known []*huma.Param) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("the query can't be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.ContainsFunc(known, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }):
			return fmt.Errorf("there is no parameter %.100q", name)
		case len(query[name]) > 1:
			return fmt.Errorf("the parameter %q is there %d times", name, len(query[name]))
		}
	}
	return nil
}

func takesJSON(accept string) bool {
	if accept == "" {
		return true
	}
	for part := range strings.SplitSeq(accept, ",") {
		kind, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q <= 0 {
			continue
		}
		switch kind {
		case "*/*", "application/*", "application/json":
			return true
		}
	}
	return false
}

func write(ctx huma.Context, p *problem.Problem) {
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	ctx.SetHeader("Content-Type", problem.ContentType)
	ctx.SetStatus(p.Status)
	if body, err := p.MarshalJSON(); err == nil {
		_, _ = ctx.BodyWriter().Write(body) // a client that left needs no answer
	}
}
