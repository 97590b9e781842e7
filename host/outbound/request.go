package outbound

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// The bounds of a request.
const (
	maxURL     = 8192 // bytes
	maxHeaders = 64
	maxHeader  = 16 << 10 // bytes of all names and values
)

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// reserved are the headers that the connection, or this package, has the say
// about.
var reserved = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
	"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// carried are the headers that a redirect to another origin still carries: what
// is left out may be a secret for the first one.
var carried = []string{"Accept", "Accept-Language", "Content-Type", "User-Agent"}

// userAgent is what a request that says nothing else comes from.
const userAgent = "mesh-host"

// newRequest checks what a plugin wants and makes a request of it.
func newRequest(ctx context.Context, q *abi.HTTPFetchRequest, limit int64) (*http.Request, error) {
	u, err := parseURL(q.URL)
	if err != nil {
		return nil, err
	}
	method := q.Method
	if method == "" {
		method = http.MethodGet
	}
	if !slices.Contains(methods, method) {
		return nil, badField("method", "one of %s", strings.Join(methods, ", "))
	}
	if int64(len(q.Body)) > limit {
		return nil, protocol.NewError(abi.CodeTooLarge, fmt.Sprintf("%s: body: %d bytes are over plugins.<name>.http_size (%d)", abi.OpHTTPFetch, len(q.Body), limit))
	}
	if q.Timeout < 0 {
		return nil, badField("timeout", "milliseconds, not negative")
	}
	// The body is copied: it lies in the guest's memory, and net/http may still be
	// reading it when it has returned.
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(bytes.Clone(q.Body)))
	if err != nil {
		return nil, badField("url", "a URL")
	}
	if q.Body == nil {
		r.Body, r.GetBody = http.NoBody, nil
	}
	return r, setHeaders(r.Header, q.Headers)
}

// parseURL reads a URL that can be compared with origins.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, badField("url", "at most %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, badField("url", "http:// or https:// and a host")
	case u.User != nil:
		return nil, badField("url", "without user and password, which belong into a header")
	// What another name is mapped to shall not depend on who maps it.
	case !protocol.IsASCII(u.Host) || strings.Contains(u.Host, "%"):
		return nil, badField("url", "a host in ASCII: punycode where it is not")
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, badField("url", "a URL with a port from 1 to 65535")
		}
	}
	return u, nil
}

func setHeaders(h http.Header, list []string) error {
	size := 0
	if len(list)%2 != 0 || len(list) > 2*maxHeaders {
		return badField("headers", "names and values in turn, at most %d of each", maxHeaders)
	}
	for i := 0; i < len(list); i += 2 {
		name, value := http.CanonicalHeaderKey(list[i]), list[i+1]
		switch {
		case !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value):
			return badField("headers", "names and values as RFC 9110 has them; %q is not", protocol.CutText(list[i], maxShown))
		case slices.Contains(reserved, name):
			return badField("headers", "without %s, which is not the plugin's to set", name)
		}
		if size += len(name) + len(value); size > maxHeader {
			return badField("headers", "at most %d bytes", maxHeader)
		}
		h.Add(name, value)
	}
	if h.Get("User-Agent") == "" {
		h.Set("User-Agent", userAgent)
	}
	return nil
}

// maxShown bounds what an error repeats of a request, in bytes.
const maxShown = 128

func badField(name, format string, args ...any) error {
	return protocol.NewError(abi.CodePayload, fmt.Sprintf("%s: %s must be %s", abi.OpHTTPFetch, name, fmt.Sprintf(format, args...)))
}
