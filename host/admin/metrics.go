package admin

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mesh-host/mesh-host/host/plugin"
)

// Sources are where Metrics reads; its functions are called for every scrape.
type Sources struct {
	Sessions func() int
	Traffic  func() Traffic
	Plugins  func() []plugin.Status
	// Held is what the node's own store holds; nil: it shares one with others.
	Held func() Held
	// Topics is how many channels, presences and records this node's sessions
	// subscribe to.
	Topics func() int
	// Hooks is how many events wait for their hooks.
	Hooks func() int
	// Slow counts what became of slow consumers.
	Slow func() Slow
	// Collections is how many collections this node's sessions subscribe to;
	// those of different sessions count each for itself. nil: none.
	Collections func() int
	// Store counts what is kept on disk; nil: nothing is.
	Store func() Store
	// Redis counts what was asked of the Redis that all nodes share; nil: there
	// is none.
	Redis func() Redis
}

// Held is what is kept for clients.
type Held struct {
	Rooms, Members, Present, Streams int
	// Records are those that have a value or a tombstone.
	Records int
	// History, RoomMetadata and RecordBytes are in bytes.
	History, RoomMetadata, RecordBytes int64
}

// Store is what is kept on disk.
type Store struct {
	// Commits is how often changes were made to last since the start, many at
	// once, and Committing how long that took in all.
	Commits    int64
	Committing time.Duration
	// Changes and Bytes are what was written with them.
	Changes, Bytes int64
	// Pending are the changes that wait for it, Size what the file has, in bytes.
	Pending, Size int64
}

// Redis counts, since the start, what this node has asked of it.
type Redis struct {
	// Up says whether it answers.
	Up bool
	// Commands shared RoundTrips; Failures are the round trips without an answer,
	// Reconnects the connections for subscriptions that were lost.
	Commands, RoundTrips, Failures, Reconnects uint64
}

// Slow counts, since the start, the sessions that were disconnected for reading
// too slowly, and the pushes that were dropped or replaced for others.
type Slow struct{ Disconnected, Dropped uint64 }

// Traffic is what the clients' side has counted since the start.
type Traffic struct {
	// Refused handshakes, and BadFrames that were no command.
	Refused, BadFrames uint64
}

// Metrics serves the server's state in the Prometheus text format. Nothing is
// kept for it: the parts count for themselves and are read when asked.
func Metrics(s Sources) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

var (
	sessions    = describe("sessions", "Sessions that are connected.")
	refused     = describe("handshakes_refused_total", "Handshakes that were refused.")
	badFrames   = describe("bad_frames_total", "Frames that were no command.")
	rooms       = describe("rooms", "Rooms that have members or metadata.")
	members     = describe("room_members", "Memberships in rooms.")
	present     = describe("present", "Members that are present in rooms whose presence is tracked.")
	streams     = describe("channel_streams", "Channels of which messages are kept.")
	history     = describe("channel_history_bytes", "Bytes of messages that are kept.")
	metadata    = describe("room_metadata_bytes", "Bytes of the metadata of rooms.")
	records     = describe("records", "Records that have a value or a tombstone.")
	recordBytes = describe("record_bytes", "Bytes of records and their patches.")
	topics      = describe("topics", "Channels, presences and records that this node's sessions subscribe to.")
	collections = describe("collections", "Collections that this node's sessions subscribe to.")
	hooks       = describe("hooks_waiting", "Joins, leaves and versions of records that wait for their hooks.")
	slow        = describe("slow_consumers_total", "Sessions that were closed for reading too slowly.")
	skipped     = describe("pushes_dropped_total", "Pushes dropped or replaced for sessions that read too slowly.")
	commits     = describe("store_commits_total", "Writes to disk, many changes at once.")
	committing  = describe("store_commit_seconds_total", "Time that writes to disk took, in all.")
	changes     = describe("store_changes_total", "Changes that were written to disk.")
	written     = describe("store_bytes_total", "Bytes of the changes that were written to disk.")
	pending     = describe("store_changes_pending", "Changes that wait for the disk.")
	fileSize    = describe("store_file_bytes", "Bytes of the file on disk.")
	redisUp     = describe("redis_up", "Whether Redis answers.")
	redisAsked  = describe("redis_commands_total", "Commands that Redis was asked for.")
	redisTrips  = describe("redis_round_trips_total", "Round trips to Redis, many commands at once.")
	redisFailed = describe("redis_failures_total", "Round trips that Redis did not answer.")
	redisAgain  = describe("redis_reconnects_total", "Connections for subscriptions that were lost.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("mesh_host_"+name, help, labels, nil)
}

type collector struct{ sources Sources }

var _ prometheus.Collector = collector{}

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		sessions, refused, badFrames,
		rooms, members, present, streams, history, metadata, records, recordBytes, topics, collections,
		hooks, slow, skipped, commits, committing, changes, written, pending, fileSize,
		redisUp, redisAsked, redisTrips, redisFailed, redisAgain,
	} {
		to <- d
	}
	for _, d := range pluginMetrics {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	scrape := scrape(to)
	scrape.gauge(sessions, float64(c.sources.Sessions()))
	traffic := c.sources.Traffic()
	scrape.counter(refused, traffic.Refused)
	scrape.counter(badFrames, traffic.BadFrames)
	if c.sources.Held != nil {
		scrape.held(c.sources.Held())
	}
	scrape.gauge(topics, float64(c.sources.Topics()))
	if c.sources.Collections != nil {
		scrape.gauge(collections, float64(c.sources.Collections()))
	}
	scrape.gauge(hooks, float64(c.sources.Hooks()))
	readers := c.sources.Slow()
	scrape.counter(slow, readers.Disconnected)
	scrape.counter(skipped, readers.Dropped)
	if c.sources.Store != nil {
		scrape.store(c.sources.Store())
	}
	if c.sources.Redis != nil {
		scrape.redis(c.sources.Redis())
	}
	scrape.plugins(c.sources.Plugins())
}

// scrape takes the metrics of one.
type scrape chan<- prometheus.Metric

func (s scrape) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s scrape) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (s scrape) held(held Held) {
	s.gauge(rooms, float64(held.Rooms))
	s.gauge(members, float64(held.Members))
	s.gauge(present, float64(held.Present))
	s.gauge(streams, float64(held.Streams))
	s.gauge(history, float64(held.History))
	s.gauge(metadata, float64(held.RoomMetadata))
	s.gauge(records, float64(held.Records))
	s.gauge(recordBytes, float64(held.RecordBytes))
}

func (s scrape) store(kept Store) {
	s.counter(commits, uint64(kept.Commits))
	s <- prometheus.MustNewConstMetric(committing, prometheus.CounterValue, kept.Committing.Seconds())
	s.counter(changes, uint64(kept.Changes))
	s.counter(written, uint64(kept.Bytes))
	s.gauge(pending, float64(kept.Pending))
	s.gauge(fileSize, float64(kept.Size))
}

func (s scrape) redis(asked Redis) {
	s.gauge(redisUp, truth(asked.Up))
	s.counter(redisAsked, asked.Commands)
	s.counter(redisTrips, asked.RoundTrips)
	s.counter(redisFailed, asked.Failures)
	s.counter(redisAgain, asked.Reconnects)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
