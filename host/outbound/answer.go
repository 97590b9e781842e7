package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/operation"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// read takes the whole of an answer, but no more than the policy allows.
func (c *client) read(answer *http.Response) (a abi.HTTPFetchResponse, err error) {
	if answer.ContentLength > c.policy.Size && answer.Request.Method != http.MethodHead { // which has no body
		return a, errTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, c.policy.Size+1))
	switch {
	case err != nil:
		return a, err
	case int64(len(body)) > c.policy.Size:
		return a, errTooLarge
	}
	return abi.HTTPFetchResponse{Status: int64(answer.StatusCode), Headers: headersOf(answer.Header), Body: body}, nil
}

// headersOf lists names in lower case and values in turn, sorted. What is not
// UTF-8, which a string of the ABI has to be, is replaced.
func headersOf(h http.Header) []string {
	list := []string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			list = append(list, strings.ToLower(name), strings.ToValidUTF8(value, "\uFFFD"))
		}
	}
	return list
}

// explain turns what went wrong into what the plugin is told: what to do about
// it, and nothing of the network that the server is in. The host is told of what
// the plugin must not ask for.
func (c *Client) explain(err error, caller operation.Caller) error {
	var (
		refused *protocol.Error
		origin  *originError
		private *privateError
		network net.Error
	)
	say := func(code, format string, args ...any) error {
		return protocol.NewError(code, abi.OpHTTPFetch+": "+fmt.Sprintf(format, args...))
	}
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &origin):
		c.denied(caller, origin)
		return say(abi.CodeDenied, "%s is not among plugins.%s.http", protocol.CutText(origin.origin, maxShown), caller.Plugin)
	case errors.As(err, &private):
		c.denied(caller, private)
		return say(abi.CodeDenied, "the host's address is not public, and not in plugins.%s.http_networks", caller.Plugin)
	case errors.Is(err, errTooLarge):
		return say(abi.CodeTooLarge, "the answer is larger than plugins.%s.http_size", caller.Plugin)
	case errors.Is(err, errConnections):
		return say(abi.CodeRateLimit, "%d connections of the plugin's are open: ask fewer hosts at once, or later", maxOpen)
	case errors.Is(err, errRedirects):
		return say(abi.CodeUnavailable, "%v", errRedirects)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.As(err, &network) && network.Timeout():
		return say(abi.CodeTimeout, "no answer in time")
	}
	return say(abi.CodeUnavailable, "no answer: %s", protocol.CutText(reason(err), maxShown))
}

// reason is the part of a failure that is about the other side.
func reason(err error) string {
	var resolving *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &resolving):
		return "the host's name is not known"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}
