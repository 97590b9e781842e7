// Package admin is the operators' side of a server: health, readiness, metrics
// and the API, which is a door to the operations of package operation.
package admin

import (
	"fmt"
	"net/http"
)

// Health serves GET /healthz, which answers 200 as long as the process serves
// at all, and GET /readyz, which answers 503 and why while ready returns an
// error: clients belong elsewhere then. ready is called from many goroutines.
func Health(ready func() error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
