package rest

import (
	"fmt"
	"mime"
	"net/http"
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
