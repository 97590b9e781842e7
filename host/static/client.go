package static

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"time"
)

// ClientPath is where pages find the client: a module, with MeshClient in it.
const ClientPath = "/mesh-host/client.js"

// client.js is made of the folder client by "npm run bundle" there, whose tests
// say whether it is what they give. It is kept so that building the server needs
// no npm.
//
//go:embed client.js
var client []byte

// Client serves the client for browsers at ClientPath, over GET and HEAD, so that
// a page has the one that belongs to its server. All else other serves.
func Client(other http.Handler) http.Handler {
	sum := sha256.Sum256(client)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != ClientPath || r.Method != http.MethodGet && r.Method != http.MethodHead {
			other.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentType(ClientPath))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache") // ask each time; 304 until the server is another one
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(client))
	})
}
