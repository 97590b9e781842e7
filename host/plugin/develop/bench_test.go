package develop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/plugin/develop"
	"github.com/mesh-host/mesh-host/host/plugin/plugintest"
)

func TestBench(t *testing.T) {
	t.Parallel()
	o := develop.BenchOptions{
		File: "echo.wasm", Module: plugintest.Fixture(t, "echo"), Command: "echo", Payload: []byte(`{"a":1}`),
		Duration: 50 * time.Millisecond, Concurrency: 2,
	}
	m, err := develop.Bench(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Calls == 0 || m.Errors != 0 || m.P50 <= 0 || m.P50 > m.P99 || m.P99 > m.Max || m.Start <= 0 || m.Memory <= 0 || m.PerSecond <= 0 || m.Fuel < 1 {
		t.Errorf("%+v", m)
	}
}

func TestBenchRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want   string
		change func(o *develop.BenchOptions)
	}{
		{"--duration", func(o *develop.BenchOptions) { o.Duration = 0 }},
		{"--concurrency", func(o *develop.BenchOptions) { o.Concurrency = 0 }},
		{"--payload", func(o *develop.BenchOptions) { o.Payload = []byte("{") }},
		{"no command \"ehco\"", func(o *develop.BenchOptions) { o.Command = "ehco" }},
	} {
		o := develop.BenchOptions{File: "echo.wasm", Module: plugintest.Fixture(t, "echo"), Command: "echo", Duration: time.Second, Concurrency: 1}
		test.change(&o)
		if _, err := develop.Bench(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}
