package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// reply is the answer to one request of the API.
type reply struct {
	status int
	code   string // of an error
	body   []byte
	// header is one more header, unless it is empty.
	header, value string
}

// refuse answers with an error that stands for a status of its own.
func refuse(status int, code, format string, args ...any) reply {
	return failure(status, protocol.NewError(code, fmt.Sprintf(format, args...)))
}

func failure(status int, e *protocol.Error) reply {
	return reply{status: status, code: e.Code, body: appendError(nil, e)}
}

// with adds a header.
func (r reply) with(header, value string) reply {
	r.header, r.value = header, value
	return r
}

func (r reply) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.header != "" {
		h.Set(r.header, r.value)
	}
	w.WriteHeader(r.status)
	_, _ = w.Write(r.body) // whoever asked may have gone
}

// statusOf is the HTTP status of an error code; one that the table does not
// have is a plugin's, which refused what was asked.
func statusOf(code string) int {
	if entry, ok := abi.LookupError(code); ok {
		return entry.HTTP
	}
	return http.StatusBadRequest
}

// appendResult adds {"result": …} for a response of an operation, a JSON object.
// Where one of its members is the result, the others stand beside it.
func appendResult(dst []byte, o abi.Operation, response []byte) []byte {
	dst = append(dst, `{"result":`...)
	if o.Result == "" {
		return append(append(dst, response...), '}', '\n')
	}
	// What is in them may be as deep as protocol.MaxDepth, so that the whole is
	// deeper than the functions of package protocol go.
	var members map[string]json.RawMessage
	_ = json.Unmarshal(response, &members) // which operations have written themselves
	dst = append(dst, members[o.Result]...)
	for _, f := range o.Response {
		if value, ok := members[f.Name]; ok && f.Name != o.Result {
			dst = append(protocol.AppendString(append(dst, ','), f.Name), ':')
			dst = append(dst, value...)
		}
	}
	return append(dst, '}', '\n')
}

// appendError adds {"error": …}.
func appendError(dst []byte, e *protocol.Error) []byte {
	dst = protocol.AppendString(append(dst, `{"error":{"code":`...), e.Code)
	dst = protocol.AppendString(append(dst, `,"message":`...), e.Message)
	if e.Ref != "" {
		dst = protocol.AppendString(append(dst, `,"ref":`...), e.Ref)
	}
	if e.Data != nil {
		dst = append(append(dst, `,"data":`...), e.Data...)
	}
	return append(dst, '}', '}', '\n')
}
