package main

import (
	"encoding/base64"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// httpFetch takes {"url", "method"?, "headers"?, "body"?, "timeout"?} and returns
// {"status", "headers", "body"}; bodies are base64.
func httpFetch(c *mesh.Call) (mesh.JSON, error) {
	in := c.Fields()
	q := mesh.HTTPRequest{URL: in.Text("url"), Method: text(in, "method"), Timeout: mesh.Duration(number(in, "timeout"))}
	if in.Has("headers") {
		q.Headers = in.Texts("headers")
	}
	body, encoded := text(in, "body"), in.Has("body")
	if err := in.Err(); err != nil {
		return nil, err
	}
	if encoded {
		var err error
		if q.Body, err = base64.StdEncoding.DecodeString(body); err != nil {
			return nil, mesh.BadPayload("body", "must be base64")
		}
	}
	r, err := mesh.HTTP.Fetch(q)
	if err != nil {
		return nil, err
	}
	return c.Object().Int("status", int64(r.Status)).Texts("headers", r.Headers).
		Text("body", base64.StdEncoding.EncodeToString(r.Body)).JSON(), nil
}
