package develop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/capability"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// Answer is what a test gives in the place of another server to http.fetch.
type Answer struct {
	// Method is that of the request; empty: any.
	Method string `json:"method,omitempty"`
	// URL is the request's, whole.
	URL string `json:"url"`
	// Status is the answer's, 100 to 599; 0 reads as 200.
	Status  int               `json:"status,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	// Body is a text, which is the body, or another JSON value, whose text is.
	Body json.RawMessage `json:"body,omitempty"`
}

// maxAnswers bounds those of a file of cases.
const maxAnswers = 1000

func (a *Answer) check() error {
	if a.URL == "" {
		return errors.New("it has no url")
	}
	if _, err := a.origin(); err != nil {
		return err
	}
	if a.Status != 0 && (a.Status < 100 || a.Status > 599) {
		return fmt.Errorf("its status is %d: it must be 100 to 599", a.Status)
	}
	return nil
}

// origin is where the request would go.
func (a *Answer) origin() (capability.Origin, error) {
	scheme, rest, _ := strings.Cut(a.URL, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return capability.ParseOrigin(scheme + "://" + rest)
}

// response is the answer as a plugin gets it.
func (a *Answer) response() abi.HTTPFetchResponse {
	r := abi.HTTPFetchResponse{Status: int64(a.Status), Body: a.Body}
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	var text string
	if json.Unmarshal(a.Body, &text) == nil {
		r.Body = []byte(text)
	}
	lower := make(map[string]string)
	for name, value := range a.Headers {
		lower[strings.ToLower(name)] = value
	}
	for _, name := range slices.Sorted(maps.Keys(lower)) {
		r.Headers = append(r.Headers, name, lower[name])
	}
	return r
}

// defineAnswers has http.fetch answer what a test says, the first that fits.
func defineAnswers(t operation.Table, answers []Answer) {
	operation.Define(t, abi.OpHTTPFetch, func(_ context.Context, _ operation.Caller, q *abi.HTTPFetchRequest) (r abi.HTTPFetchResponse, err error) {
		method := q.Method
		if method == "" {
			method = http.MethodGet
		}
		for i := range answers {
			if a := &answers[i]; a.URL == q.URL && (a.Method == "" || a.Method == method) {
				return a.response(), nil
			}
		}
		return r, protocol.NewError(abi.CodeUnavailable, fmt.Sprintf("http.fetch: the cases have no answer to %s %s under \"http\"",
			protocol.CutText(method, 16), protocol.CutText(q.URL, 200)))
	})
}
