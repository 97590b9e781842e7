package meshtest

import (
	"errors"
	"strings"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// WithHTTP has a function answer what the plugin fetches: no test reaches the
// network. An error of it, is what the plugin gets: a *mesh.Error as it is, any other as
// EUNAVAILABLE. Without this option every address is refused with EDENIED, as
// by a host that allows none.
//
// The function runs inside the plugin's call and must not call the Host. What it
// is given is its own to keep.
func WithHTTP(answer func(mesh.HTTPRequest) (mesh.HTTPResponse, error)) Option {
	return func(h *Host) { h.http = answer }
}

// methods are those that a plugin may use.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true,
}

func (h *Host) fetch(f *codec.Fields) ([]byte, *mesh.Error) {
	q := mesh.HTTPRequest{URL: f.String(), Method: f.String(), Headers: f.Strings()}
	if body := f.Bytes(); body != nil {
		q.Body = append([]byte{}, body...)
	}
	timeout, _ := f.Int()
	q.Timeout = mesh.Duration(timeout)
	if q.Method == "" {
		q.Method = "GET"
	}
	switch {
	case !strings.HasPrefix(q.URL, "http://") && !strings.HasPrefix(q.URL, "https://"):
		return nil, mesh.BadPayload("url", "must begin with http:// or https://")
	case len(q.URL) > 8192:
		return nil, mesh.BadPayload("url", "must have at most 8192 bytes")
	case !methods[q.Method]:
		return nil, mesh.BadPayload("method", "must be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
	case len(q.Headers)%2 != 0:
		return nil, mesh.BadPayload("headers", "must be names and values in turn")
	case q.Timeout < 0:
		return nil, mesh.BadPayload("timeout", "must not be negative")
	case h.http == nil:
		return nil, mesh.Denied("No address is allowed; see meshtest.WithHTTP.")
	}
	r, err := h.http(q)
	if err != nil {
		return nil, errorOf(err)
	}
	return appendAnswer(r), nil
}

func appendAnswer(r mesh.HTTPResponse) []byte {
	headers := append([]string{}, r.Headers...)
	for i := 0; i < len(headers); i += 2 {
		headers[i] = strings.ToLower(headers[i])
	}
	b := codec.AppendInt(nil, int64(r.Status))
	b = codec.AppendStrings(b, headers)
	return codec.AppendBytes(b, append([]byte{}, r.Body...))
}

// errorOf is what the plugin gets for an error of the function of WithHTTP.
func errorOf(err error) *mesh.Error {
	var e *mesh.Error
	if errors.As(err, &e) {
		return e
	}
	return mesh.NewError(mesh.CodeUnavailable, err.Error())
}
