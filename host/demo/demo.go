// Package demo is the page at "/" with which a newcomer calls the loaded
// plugins' commands from a browser.
package demo

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
)

//go:embed index.html
var page []byte

// Handler serves the page and, at /demo/commands, the list that it shows: what
// commands returns, sorted, as a JSON array. commands is called for every
// request, from many goroutines.
func Handler(commands func() []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /demo/commands", func(w http.ResponseWriter, _ *http.Request) {
		list := append([]string{}, commands()...)
		slices.Sort(list)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(list)
	})
	return mux
}
