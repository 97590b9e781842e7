package demo_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/demo"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	names := []string{"echo", "add"}
	h := demo.Handler(func() []string { return names }, func() []string { return []string{"/chat/"} })
	tests := []struct {
		method, path string
		code         int
		contains     string
	}{
		{http.MethodGet, "/", http.StatusOK, "<title>mesh-host</title>"},
		{http.MethodGet, "/demo/commands", http.StatusOK, `["add","echo"]`},
		{http.MethodGet, "/demo/pages", http.StatusOK, `["/chat/"]`},
		{http.MethodGet, "/other", http.StatusNotFound, ""},
		{http.MethodPost, "/", http.StatusMethodNotAllowed, ""},
	}
	for _, test := range tests {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
		if w.Code != test.code || !strings.Contains(w.Body.String(), test.contains) {
			t.Errorf("%s %s: %d %.200s", test.method, test.path, w.Code, w.Body)
		}
	}
	if names[0] != "echo" {
		t.Error("the caller's list was sorted")
	}
	names = nil
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/demo/commands", nil))
	if strings.TrimSpace(w.Body.String()) != "[]" {
		t.Errorf("no commands: %q", w.Body)
	}
}
