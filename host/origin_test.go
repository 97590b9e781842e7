package host

import "testing"

func TestOriginCheck(t *testing.T) {
	t.Parallel()
	patterns := []string{"https://app.example.com", "https://*.example.org", "http://*.example.net:8080"}
	tests := []struct {
		origin, host string
		allowed      []string
		want         bool
	}{
		{"https://evil.test", "chat.test", []string{"*"}, true},
		{"null", "chat.test", []string{"*"}, true},
		{"null", "chat.test", nil, false},
		{"https://chat.test", "chat.test", nil, true},
		{"http://chat.test:8080", "Chat.test:8080", nil, true},
		{"http://chat.test:8081", "chat.test:8080", nil, false},
		{"https://evil.test", "chat.test", nil, false},
		{"https://app.example.com", "chat.test", patterns, true},
		{"http://app.example.com", "chat.test", patterns, false},
		{"https://app.example.com.evil.test", "chat.test", patterns, false},
		{"https://a.b.example.org", "chat.test", patterns, true},
		{"https://example.org", "chat.test", patterns, false},
		{"https://.example.org", "chat.test", patterns, false},
		{"https://evilexample.org", "chat.test", patterns, false},
		{"http://a.example.net:8080", "chat.test", patterns, true},
		{"http://a.example.net", "chat.test", patterns, false},
	}
	for _, test := range tests {
		if got := newOriginCheck(test.allowed)(test.origin, test.host); got != test.want {
			t.Errorf("origin %q, host %q, allowed %q: got %t", test.origin, test.host, test.allowed, got)
		}
	}
}
