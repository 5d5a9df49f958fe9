// Package rest makes JSON APIs of Go types with huma: requests are checked
// against the types before a handler sees them, whatever is wrong is a
// [problem.Problem], and the OpenAPI 3.1 document is that of the same types.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"rollcall.dev/internal/problem"
)

// bodyTimeout is that of the whole request. A shorter one for the body alone
// would end, once over, the context of a request that is still handled.
const bodyTimeout = 30 * time.Second

// API is an API under construction: add operations, then Serve it.
type API struct {
	huma.API
	mux *http.ServeMux
	// slots bound the requests that are handled at a time.
	slots chan struct{}
}

// New begins an API on a mux. At most limit requests are handled at a time,
// what is more is told to come back.
func New(mux *http.ServeMux, title, version, description string, limit int) *API {
	a := &API{mux: mux, slots: make(chan struct{}, limit)}
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: title, Version: version, Description: description},
			Components: &huma.Components{SecuritySchemes: map[string]*huma.SecurityScheme{
				"admin": {Type: "http", Scheme: "bearer", Description: "The token of --admin-token, where that is set."}}},
			Security: []map[string][]string{{"admin": {}}, {}},
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
	}
	// Answers may gain fields. What is asked has none that mean nothing: the
	// types of bodies say so.
	config.AllowAdditionalPropertiesByDefault = true
	a.API = humago.New(mux, config)
	a.UseMiddleware(a.admit, noStore, acceptable, understood)
	return a
}

// jsonFormat is huma's, but for bytes that aren't UTF-8: encoding/json would put
// others in their place, and a request for one user would meet another.
var jsonFormat = huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: func(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("is not UTF-8")
	}
	return huma.DefaultJSONFormat.Unmarshal(data, v)
}}

// Add adds an operation. Statuses are those of the problems that it may answer
// with beside those that every operation has.
func Add[I, O any](a *API, op huma.Operation, handle func(context.Context, *I) (*O, *problem.Problem), statuses ...int) {
	op.Errors = append([]int{http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusServiceUnavailable}, statuses...)
	op.BodyReadTimeout = bodyTimeout
	huma.Register(a, op, func(ctx context.Context, in *I) (*O, error) {
		out, p := handle(ctx, in)
		if p != nil {
			return nil, p
		}
		return out, nil
	})
}

// Serve adds the document itself, which is complete by now, at /openapi.json.
func (a *API) Serve() error {
	document, err := a.Document()
	if err != nil {
		return err
	}
	a.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // a client that left needs no answer
	})
	return nil
}

// retryAfter stands with every 503.
var retryAfter = &huma.Param{Description: "seconds after which to ask again", Schema: &huma.Schema{Type: huma.TypeInteger}}

// Document is the OpenAPI 3.1 document of what was added, indented.
func (a *API) Document() ([]byte, error) {
	doc := a.OpenAPI()
	for _, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op != nil {
				if r := op.Responses[strconv.Itoa(http.StatusServiceUnavailable)]; r != nil {
					r.Headers = map[string]*huma.Header{"Retry-After": retryAfter}
				}
				// huma documents these itself: the first is 400 here, the second a defect.
				delete(op.Responses, strconv.Itoa(http.StatusUnprocessableEntity))
				delete(op.Responses, strconv.Itoa(http.StatusInternalServerError))
			}
		}
	}
	body, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return append(body, '\n'), nil
}
