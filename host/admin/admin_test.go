package admin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/plugin"
	"github.com/mesh-host/mesh-host/host/plugin/guest"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	var notReady error
	h := admin.Health(func() error { return notReady })
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := get(t, h, path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	notReady = errors.New("shutting down")
	if code, body := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || body != "shutting down\n" {
		t.Errorf("/readyz while not ready: %d %q", code, body)
	}
	if code, _ := get(t, h, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz while not ready: %d", code)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	h := admin.Metrics(admin.Sources{
		Sessions: func() int { return 7 },
		Traffic:  func() admin.Traffic { return admin.Traffic{Refused: 2, BadFrames: 3} },
		Held: func() admin.Held {
			return admin.Held{
				Rooms: 1, Members: 2, Present: 3, Streams: 4, Records: 11,
				History: 6, RoomMetadata: 7, RecordBytes: 12,
			}
		},
		Topics:      func() int { return 5 },
		Hooks:       func() int { return 8 },
		Slow:        func() admin.Slow { return admin.Slow{Disconnected: 9, Dropped: 10} },
		Collections: func() int { return 13 },
		Store: func() admin.Store {
			return admin.Store{Commits: 14, Committing: 1500 * time.Millisecond, Changes: 15, Bytes: 16, Pending: 17, Size: 18}
		},
		Redis: func() admin.Redis {
			return admin.Redis{Up: true, Commands: 19, RoundTrips: 20, Failures: 21, Reconnects: 22}
		},
		Plugins: func() []plugin.Status {
			return []plugin.Status{
				{Name: "chat", File: "chat-go.wasm", Version: "abc", Loaded: true, Label: "1.2",
					Instances: 4, Running: 1, Memory: 65536, Suspended: make([]plugin.Suspension, 2),
					Counts: guest.Counts{
						Calls: 10, Timeouts: 5, Suspended: 6, HostCalls: 7, HostCallsLimited: 8, HostCallsDenied: 9, Loads: 3, FailedLoads: 4,
						Codes:     map[string]uint64{"EDENIED": 11, guest.OtherCode: 12},
						Durations: guest.Durations{Counts: []uint64{6, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, Sum: 12 * time.Second},
					}},
				{Name: "chat", File: "chat-copy.wasm", Error: "claims the same name"},
				{Name: "odd", File: "odd\xff.wasm", Error: "not wasm"},
			}
		},
	})
	code, body := get(t, h, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	for _, line := range []string{
		"mesh_host_sessions 7",
		"mesh_host_handshakes_refused_total 2",
		"mesh_host_bad_frames_total 3",
		"mesh_host_rooms 1", "mesh_host_room_members 2", "mesh_host_present 3", "mesh_host_channel_streams 4",
		"mesh_host_topics 5", "mesh_host_channel_history_bytes 6", "mesh_host_room_metadata_bytes 7",
		"mesh_host_hooks_waiting 8", "mesh_host_slow_consumers_total 9", "mesh_host_pushes_dropped_total 10",
		"mesh_host_records 11", "mesh_host_record_bytes 12", "mesh_host_collections 13",
		"mesh_host_store_commits_total 14", "mesh_host_store_commit_seconds_total 1.5",
		"mesh_host_store_changes_total 15", "mesh_host_store_bytes_total 16",
		"mesh_host_store_changes_pending 17", "mesh_host_store_file_bytes 18",
		"mesh_host_redis_up 1", "mesh_host_redis_commands_total 19", "mesh_host_redis_round_trips_total 20",
		"mesh_host_redis_failures_total 21", "mesh_host_redis_reconnects_total 22",
		`mesh_host_plugin_loaded{file="chat-go.wasm",plugin="chat",version="abc"} 1`,
		`mesh_host_plugin_loaded{file="chat-copy.wasm",plugin="chat",version=""} 0`,
		`mesh_host_plugin_file_failing{file="\"odd\\xff.wasm\"",plugin="odd"} 1`,
		`mesh_host_plugin_calls_total{plugin="chat"} 10`,
		`mesh_host_plugin_errors_total{cause="timeout",plugin="chat"} 5`,
		`mesh_host_plugin_instances_running{plugin="chat"} 1`,
		`mesh_host_plugin_errors_total{cause="suspended",plugin="chat"} 6`,
		`mesh_host_plugin_error_codes_total{code="EDENIED",plugin="chat"} 11`,
		`mesh_host_plugin_error_codes_total{code="other",plugin="chat"} 12`,
		`mesh_host_plugin_info{file="chat-go.wasm",label="1.2",plugin="chat",version="abc"} 1`,
		`mesh_host_plugin_memory_bytes{plugin="chat"} 65536`,
		`mesh_host_plugin_handlers_suspended{plugin="chat"} 2`,
		`mesh_host_plugin_host_calls_total{plugin="chat"} 7`,
		`mesh_host_plugin_host_calls_limited_total{plugin="chat"} 8`,
		`mesh_host_plugin_host_calls_denied_total{plugin="chat"} 9`,
		`mesh_host_plugin_loads_total{plugin="chat"} 3`,
		`mesh_host_plugin_loads_failed_total{plugin="chat"} 4`,
		`mesh_host_plugin_call_seconds_bucket{plugin="chat",le="1e-05"} 6`,
		`mesh_host_plugin_call_seconds_bucket{plugin="chat",le="2.5e-05"} 9`,
		`mesh_host_plugin_call_seconds_bucket{plugin="chat",le="10"} 9`,
		`mesh_host_plugin_call_seconds_bucket{plugin="chat",le="+Inf"} 10`,
		`mesh_host_plugin_call_seconds_sum{plugin="chat"} 12`,
		`mesh_host_plugin_call_seconds_count{plugin="chat"} 10`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %q in\n%s", line, body)
		}
	}
}

// A server that keeps nothing on disk, and shares no Redis, has no figures of them.
func TestMetricsWithoutAStore(t *testing.T) {
	t.Parallel()
	h := admin.Metrics(admin.Sources{
		Sessions: func() int { return 0 },
		Traffic:  func() admin.Traffic { return admin.Traffic{} },
		Held:     func() admin.Held { return admin.Held{} },
		Topics:   func() int { return 0 },
		Hooks:    func() int { return 0 },
		Slow:     func() admin.Slow { return admin.Slow{} },
		Plugins:  func() []plugin.Status { return nil },
	})
	code, body := get(t, h, "/metrics")
	if code != http.StatusOK || !strings.Contains(body, "mesh_host_records 0\n") ||
		strings.Contains(body, "mesh_host_store_") || strings.Contains(body, "mesh_host_redis_") {
		t.Errorf("%d %s", code, body)
	}
}

// One that shares a Redis does not count what all nodes have in it.
func TestMetricsOfAwayRedis(t *testing.T) {
	t.Parallel()
	h := admin.Metrics(admin.Sources{
		Sessions: func() int { return 0 },
		Traffic:  func() admin.Traffic { return admin.Traffic{} },
		Topics:   func() int { return 3 },
		Hooks:    func() int { return 0 },
		Slow:     func() admin.Slow { return admin.Slow{} },
		Redis:    func() admin.Redis { return admin.Redis{Failures: 4} },
		Plugins:  func() []plugin.Status { return nil },
	})
	code, body := get(t, h, "/metrics")
	if code != http.StatusOK || strings.Contains(body, "mesh_host_records") || !strings.Contains(body, "mesh_host_topics 3\n") ||
		!strings.Contains(body, "mesh_host_redis_up 0\n") || !strings.Contains(body, "mesh_host_redis_failures_total 4\n") {
		t.Errorf("%d %s", code, body)
	}
}
