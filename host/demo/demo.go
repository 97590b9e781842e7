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

// Handler serves the page and the lists that it shows, as JSON arrays: at
// /demo/commands what commands returns, sorted, and at /demo/pages the paths of
// other pages, which it links to. Both are called for every request, from many
// goroutines.
func Handler(commands, pages func() []string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'self' 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /demo/commands", func(w http.ResponseWriter, _ *http.Request) {
		list := slices.Clone(commands())
		slices.Sort(list)
		send(w, list)
	})
	mux.HandleFunc("GET /demo/pages", func(w http.ResponseWriter, _ *http.Request) { send(w, pages()) })
	return mux
}

func send(w http.ResponseWriter, list []string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(append([]string{}, list...)) // [] where there are none
}
