package admin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The defaults of Options.
const (
	DefaultMaxBody    = 4 << 20
	DefaultTimeout    = 10 * time.Second
	DefaultConcurrent = 64
)

// Options say how API serves. All but Log may be zero.
type Options struct {
	// Token, unless empty, is the bearer token that every request must carry.
	// Without one the API answers only to requests that name this machine as
	// their host and that no web page made: it must be served on loopback.
	Token string
	// MaxBody bounds the body of a request, in bytes; a larger one is answered
	// 413. Default DefaultMaxBody.
	MaxBody int64
	// Timeout is how long a body may take to arrive, and then how long the
	// operation may take. Default DefaultTimeout.
	Timeout time.Duration
	// Concurrent bounds the operations that run at a time, their bodies'
	// arrival included; further ones are answered 429. Default
	// DefaultConcurrent.
	Concurrent int
	// Log gets a line a request at level debug, and the errors that callers do
	// not see.
	Log *slog.Logger
}

// API serves the operations of a table that operators may call:
//
//	POST /api/<operation>   the request as a JSON object; an empty body is {}
//	GET  /api               the operations with their fields, as JSON
//	GET  /api/openapi.json  the same as an OpenAPI 3.1 document
//
// An operation is answered with {"result": …}: the response, or the one field
// of it that abi.Operation.Result names, with the response's other fields
// beside it. A failure is {"error": {"code", "message"}}, with "ref" for an
// internal one and "data" where there is some, under the status that
// abi.ErrorCodes gives to its code; 400 for a code that a plugin has invented.
// The table must not change any more. The handler is safe for concurrent use.
func API(table operation.Table, o Options) http.Handler {
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	operations := served(table)
	return &api{
		table: table, options: o, door: newDoor(o.Token),
		slots:   make(chan struct{}, cmp.Or(o.Concurrent, DefaultConcurrent)),
		index:   encodeDocument(index(operations)),
		openAPI: encodeDocument(openAPI(operations, o.Token != "")),
	}
}

type api struct {
	table   operation.Table
	options Options
	door    door
	slots   chan struct{}
	// The documents at /api and /api/openapi.json.
	index, openAPI []byte
}

// served lists the operations of a table that operators may call, in the order
// of abi.Operations.
func served(table operation.Table) []abi.Operation {
	var list []abi.Operation
	for _, o := range abi.Operations {
		if _, ok := table[o.Name]; ok && o.Door != abi.DoorPlugin {
			list = append(list, o)
		}
	}
	return list
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	// It stands until the body is there, also for one that nobody wants: the
	// HTTP server reads that too, before it answers.
	_ = http.NewResponseController(w).SetReadDeadline(start.Add(a.options.Timeout)) // a recorder in a test has none
	reply := a.answer(w, r)
	reply.write(w)
	a.options.Log.Debug("admin request", "method", r.Method, "path", protocol.CutText(r.URL.Path, protocol.MaxName), "remote", r.RemoteAddr,
		"status", reply.status, "code", reply.code, "took", time.Since(start))
}

func (a *api) answer(w http.ResponseWriter, r *http.Request) reply {
	if refused, ok := a.door.refuses(r); ok {
		return refused
	}
	switch r.URL.Path {
	case "/api", "/api/":
		return document(r, a.index)
	case "/api/openapi.json":
		return document(r, a.openAPI)
	}
	name, below := strings.CutPrefix(r.URL.Path, "/api/")
	o, ok := a.table[name]
	switch {
	case !ok || !below:
		return refuse(http.StatusNotFound, abi.CodeNotFound, "There is no operation %q; GET /api lists them", protocol.CutText(name, protocol.MaxName))
	case o.Door == abi.DoorPlugin:
		return refuse(http.StatusNotFound, abi.CodeNotFound, "Only plugins can call %s", name)
	case r.Method != http.MethodPost:
		return notAllowed(http.MethodPost)
	}
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	default:
		return refuse(http.StatusTooManyRequests, abi.CodeRateLimit, "%d operations are running already", cap(a.slots)).with("Retry-After", "1")
	}
	body, refused, ok := a.read(w, r)
	if !ok {
		return refused
	}
	return a.call(r.Context(), o, body)
}

// document answers with one of the documents.
func document(r *http.Request, body []byte) reply {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return notAllowed("GET, HEAD")
	}
	return reply{status: http.StatusOK, body: body}
}

func notAllowed(allow string) reply {
	return refuse(http.StatusMethodNotAllowed, abi.CodePayload, "The method must be %s", allow).with("Allow", allow)
}

// read returns the body, or ok false and what it is refused with. Forms are
// refused even if empty: a page can send one without the browser asking first.
func (a *api) read(w http.ResponseWriter, r *http.Request) (body []byte, refused reply, ok bool) {
	typed := r.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(typed); typed != "" && (err != nil || kind != "application/json") {
		return nil, wrongContentType(), false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.options.MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, abi.CodeTooLarge, "The body has more than %d bytes", large.Limit), false
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, abi.CodeTimeout, "The body did not arrive within %s", a.options.Timeout), false
	case err != nil:
		return nil, refuse(http.StatusBadRequest, abi.CodePayload, "The body cannot be read"), false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), reply{}, true
	}
	if typed == "" {
		return nil, wrongContentType(), false
	}
	return body, reply{}, true
}

func wrongContentType() reply {
	return refuse(http.StatusUnsupportedMediaType, abi.CodePayload, "The body must be sent as Content-Type: application/json")
}

// call runs an operation.
func (a *api) call(ctx context.Context, o operation.Operation, request []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, a.options.Timeout)
	defer cancel()
	response, err := o.JSON(ctx, operation.Caller{}, request)
	if err == nil {
		return reply{status: http.StatusOK, body: appendResult(nil, o.Operation, response)}
	}
	e := protocol.AsError(err)
	switch {
	case e != nil:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e = protocol.NewError(abi.CodeTimeout, fmt.Sprintf("Operation %q timed out", o.Name))
	default:
		ref := rand.Text()[:12]
		a.options.Log.Error("operation failed", "operation", o.Name, "ref", ref, "error", err)
		e = protocol.Internal(ref)
	}
	return failure(statusOf(e.Code), e)
}
