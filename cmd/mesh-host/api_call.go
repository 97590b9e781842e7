package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"
)

// unreachableError says that there is no admin API to ask.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// apiError is the server's answer to an operation that failed.
type apiError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Ref     string          `json:"ref"`
	Data    json.RawMessage `json:"data"`
}

func (e *apiError) Error() string {
	text := e.Code + ": " + e.Message
	if e.Ref != "" {
		text += " (the server's log has more under ref " + e.Ref + ")"
	}
	if e.Data != nil {
		text += " " + string(e.Data)
	}
	return strings.Map(visible, text)
}

// visible keeps a message from doing something to a terminal.
func visible(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// apiAnswer is what the admin API answers.
type apiAnswer struct {
	Result json.RawMessage `json:"result"`
	Cursor string          `json:"cursor"`
	Error  *apiError       `json:"error"`
}

// apiCall knows which server to ask, and how.
type apiCall struct {
	base, token string
	timeout     time.Duration
}

func newAPICall(flags *pflag.FlagSet) (call apiCall, err error) {
	l, err := load(flags)
	if err != nil {
		return call, err
	}
	address, err := flags.GetString("address")
	if err != nil {
		return call, err
	}
	if address == "" {
		address = l.Admin.Listen
	}
	call.token = string(l.Admin.Token)
	if call.timeout, err = flags.GetDuration("timeout"); err != nil {
		return call, err
	}
	call.base, err = apiBase(address)
	return call, err
}

// apiBase is the URL before /api for an address: a URL, or the host:port that
// a server listens on, where every interface means this machine.
func apiBase(address string) (string, error) {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return "", usageError{fmt.Errorf("%q is no address: write host:port, http://… or https://…", address)}
		}
		return strings.TrimRight(address, "/"), nil
	}
	name, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || port == "":
		return "", usageError{fmt.Errorf("%q is no address: write host:port, http://… or https://…", address)}
	case port == "0":
		return "", usageError{errors.New("admin.listen is a free port: say with --address which one it has become")}
	}
	return "http://" + net.JoinHostPort(reachable(name), port), nil
}

// reachable is where this machine reaches what listens on a host: every
// interface means loopback.
func reachable(name string) string {
	ip, err := netip.ParseAddr(name)
	switch {
	case name == "" || err == nil && ip == netip.IPv4Unspecified():
		return "127.0.0.1"
	case err == nil && ip == netip.IPv6Unspecified():
		return "::1"
	}
	return name
}

// do calls an operation. The error is an *apiError where the server says so.
func (c apiCall) do(ctx context.Context, operation string, request []byte) (answer apiAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/api/"+operation, bytes.NewReader(request))
	if err != nil {
		return answer, usageError{err}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "mesh-host/"+buildInfo().version)
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := apiClient().Do(r)
	if err != nil {
		return answer, c.unreachable(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return answer, c.unreachable(err)
	}
	switch err := json.Unmarshal(body, &answer); {
	case err == nil && answer.Error != nil && answer.Error.Code != "":
		return answer, answer.Error
	case err == nil && answer.Result != nil && response.StatusCode == http.StatusOK:
		return answer, nil
	}
	return answer, unreachableError{fmt.Errorf("what is at %s is no mesh-host's admin API: it answers %q", c.base, response.Status)}
}

// apiClient makes one connection and follows nowhere: the token is for the
// server that was named.
func apiClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (c apiCall) unreachable(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without method and URL
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", c.timeout)
	}
	return unreachableError{fmt.Errorf("the server's admin API at %s cannot be reached: %w", c.base, err)}
}
