package host

import (
	"encoding/json"
	"time"
)

// Config is everything a Server can be told. Start from Default, change
// fields, and give it to New, which refuses what Validate refuses. The toml
// tags are the names of the keys in config.toml, in the MESH_ environment
// variables and in the errors of Validate.
//
// A Config is plain data: it may be copied, but not changed while a Server
// uses it, since copies share slices and maps.
type Config struct {
	// Listen is the TCP address, "host:port", that serves WebSocket clients
	// and, beside them, /healthz, /readyz, the files of static.dir and the demo
	// page. An empty host is every interface, port 0 a free port. Default
	// ":8080".
	Listen string `toml:"listen"`

	Node      NodeConfig      `toml:"node"`
	Admin     AdminConfig     `toml:"admin"`
	Log       LogConfig       `toml:"log"`
	Shutdown  ShutdownConfig  `toml:"shutdown"`
	Store     StoreConfig     `toml:"store"`
	Redis     RedisConfig     `toml:"redis"`
	Demo      DemoConfig      `toml:"demo"`
	Static    StaticConfig    `toml:"static"`
	Handshake HandshakeConfig `toml:"handshake"`
	Auth      AuthConfig      `toml:"auth"`
	Limits    LimitsConfig    `toml:"limits"`
	Liveness  LivenessConfig  `toml:"liveness"`
	Protocol  ProtocolConfig  `toml:"protocol"`
	Metadata  MetadataConfig  `toml:"metadata"`

	// Channels to Collections say what clients can reach, in the order in which
	// patterns are tried; those that plugins register come after them. Default
	// none.
	Channels    []ChannelConfig    `toml:"channels"`
	Presence    []PresenceConfig   `toml:"presence"`
	Rooms       []RoomConfig       `toml:"rooms"`
	Records     []RecordConfig     `toml:"records"`
	Collections []CollectionConfig `toml:"collections"`

	Plugins PluginsConfig `toml:"plugins"`
}

// NodeConfig is about this one server among those of its cluster.
type NodeConfig struct {
	// Name tells the node from others: connections.list shows it. 1 to 128
	// letters, digits, '-', '_', '.' and ':', unique in the cluster. "" is the
	// host's name and a random suffix, another one at each start. Default "".
	Name string `toml:"name"`
	// Lease is how long a node that has stopped without saying so counts as alive;
	// then the others end its connections. With RedisConfig only, and the same on
	// all nodes; 1s to 5m. Default 10s.
	Lease time.Duration `toml:"lease"`
}

// AdminConfig is the operator's side: the admin API.
type AdminConfig struct {
	// Listen is the TCP address, "host:port", of the admin API, the metrics and
	// the health probes; the last two are open to whoever reaches it. On
	// anything but loopback (127.0.0.0/8, ::1, localhost) it needs a Token; an
	// empty host is every interface. Port 0 is a free port. Default
	// "127.0.0.1:8081".
	Listen string `toml:"listen"`
	// Token, unless empty, is the bearer token that every call of the admin API
	// must carry: 16 to 1024 printable ASCII characters without spaces.
	// Without one every program on the machine may call it, but no web page.
	// Default "".
	Token Secret `toml:"token"`
}

// LogConfig says what mesh-host writes to stderr. Only the command reads it;
// a program that embeds a Server gives New a logger of its own.
type LogConfig struct {
	// Level is the least severe level written: "debug", "info", "warn" or
	// "error". Default "info".
	Level string `toml:"level"`
	// Format is "text" (key=value) or "json", one record a line. Default
	// "text".
	Format string `toml:"format"`
}

// ShutdownConfig is the way down.
type ShutdownConfig struct {
	// Grace is how long a stopping Server lets running commands finish and
	// clients take what is queued for them; then it closes what is left. 0
	// closes at once. Default 10s.
	Grace time.Duration `toml:"grace"`
}

// StoreConfig says what outlives the process.
type StoreConfig struct {
	// Path is a folder, relative to the working directory, in which records,
	// the histories of channels, the metadata of rooms and the plugins' stores
	// are kept: what was acknowledged survives a crash. It is made where it is
	// missing, belongs to one process at a time, and must not lie in
	// StaticConfig.Dir. It is not for nodes that share a Redis. "" keeps all of
	// it in memory only. Default "".
	Path string `toml:"path"`
}

// DemoConfig is the page at "/".
type DemoConfig struct {
	// Enabled serves a page that connects from the browser, lists the loaded
	// plugins' commands and calls them, with links to the folders of static.dir
	// that have a page. It shows all their names to anyone: not for production.
	// Default false.
	Enabled bool `toml:"enabled"`
}

// StaticConfig is the pages of the application itself.
type StaticConfig struct {
	// Dir is a folder, relative to the working directory, whose files the
	// clients' port serves over GET and HEAD; "/" is its index.html, and where
	// it has none the demo page. Names with a leading dot, and what lies
	// outside it, are not served, nor are folders listed. "" serves none; a
	// folder that is not there stops the start. Where there is a folder, or the
	// demo page, /mesh-host/client.js is the client for browsers, unless the
	// folder has a file of that name. Default "".
	Dir string `toml:"dir"`
}

// HandshakeConfig bounds a client before it is a session.
type HandshakeConfig struct {
	// Timeout is for the whole handshake: from the accepted connection over
	// the request head and the authenticate hooks to the written response.
	// Above 0. Default 10s.
	Timeout time.Duration `toml:"timeout"`
	// HeaderSize bounds the request line and all headers together, in bytes,
	// 1 KiB to 1 MiB. A larger head is answered 431. Default 16 KiB.
	HeaderSize Size `toml:"header_size"`
	// Origins are the pages whose scripts may connect: exact origins
	// ("https://app.example.com"), every subdomain ("https://*.example.com",
	// which is not example.com itself), or "*", any page. Empty is the same
	// origin only. A request without an Origin header, which no browser sends,
	// passes. Default ["*"].
	Origins []string `toml:"origins"`
}

// AuthConfig is about who may connect.
type AuthConfig struct {
	// Require names plugins without which nobody gets in: while one of them is
	// missing, or its authenticate hook fails, handshakes answer 503. Default
	// none.
	Require []string `toml:"require"`
}

// LimitsConfig bounds what clients can make the server hold. Sizes are at
// most 1 GiB where they say nothing else.
type LimitsConfig struct {
	// MessageSize bounds one message from a client, in bytes, over all its
	// fragments; a larger one closes the session with 1009. At least 1.
	// Default 64 KiB.
	MessageSize Size `toml:"message_size"`
	// BadFrames is how many messages that are no JSON object, or carry no
	// command, a session may send; one more closes it with 1008. At least 0.
	// Default 16.
	BadFrames int `toml:"bad_frames"`
	// CommandsInFlight bounds the running and queued commands of a session, 1
	// to 65536; at the bound the server stops reading its socket. Default 16.
	CommandsInFlight int `toml:"commands_in_flight"`
	// Outbox bounds the pushes waiting for one client, in bytes; a reader so
	// slow that it overflows is closed with 4100. A single frame is always
	// taken into an empty outbox. At least 1. Default 1 MiB.
	Outbox Size `toml:"outbox"`
	// ReplySize bounds one reply, in bytes; a larger one becomes an ETOOLARGE
	// error. At least 1, and 1 KiB above RecordSize. Default 4 MiB.
	ReplySize Size `toml:"reply_size"`
	// MetadataSize bounds the metadata of one connection or room, in bytes of
	// JSON. At least 2. Default 64 KiB.
	MetadataSize Size `toml:"metadata_size"`
	// Connections bounds the sessions at a time; a further handshake is
	// answered 503. At least 1. Default 100000.
	Connections int `toml:"connections"`
	// Subscriptions bounds what one session is subscribed to, channels,
	// presence, records and collections together, 1 to 1000000; a further one
	// is answered ELIMIT. Default 1000.
	Subscriptions int `toml:"subscriptions"`
	// Rooms bounds the rooms that one session is a member of, 1 to 1000000; a
	// further one is answered ELIMIT. Default 1000.
	Rooms int `toml:"rooms"`
	// PresenceState bounds the state of one connection in one room, in bytes
	// of JSON, 2 to 1 MiB; a larger one is answered ETOOLARGE. Default 4 KiB.
	PresenceState Size `toml:"presence_state"`
	// RoomMetadata bounds the metadata of all rooms together, in bytes, 1 KiB
	// to 1 TiB; what does not fit is answered ELIMIT. Default 64 MiB.
	RoomMetadata Size `toml:"room_metadata"`
	// HistorySize bounds the messages of all channels that are kept, in bytes,
	// 1 KiB to 1 TiB; beyond it whole channels are forgotten, the longest
	// unused first. In a Redis its maxmemory bounds them instead. Default 256
	// MiB.
	HistorySize Size `toml:"history_size"`
	// RecordSize bounds the value of one record, in bytes of JSON, 2 to 64 MiB;
	// a larger one is answered ETOOLARGE. Default 1 MiB.
	RecordSize Size `toml:"record_size"`
	// RecordsSize bounds all records together, in bytes, 1 KiB to 1 TiB; a write
	// that does not fit is answered ELIMIT. A record, or its tombstone, counts
	// its id, its value and its patches, and for what keeping them costs 256
	// bytes, and 48 for each patch. Default 256 MiB.
	RecordsSize Size `toml:"records_size"`
	// RecordPatches is how many patches of each record are kept, the newest
	// ones, for subscribers that come back: 0 (none) to 10000. Default 64.
	RecordPatches int `toml:"record_patches"`
	// RecordTombstone is how long the version of a record that was deleted, or
	// has expired, is kept, 1s to 87600h (ten years); one that is written later
	// begins a new epoch. Default 24h.
	RecordTombstone time.Duration `toml:"record_tombstone"`
	// Collections bounds the collections of one session, 1 to 100000; one more is
	// answered ELIMIT. They count as Subscriptions, too. Default 100.
	Collections int `toml:"collections"`
	// CollectionRecords bounds the records that all collections of one session
	// cover, 1 to 1000000; a subscription beyond it is answered ELIMIT. Default
	// 10000.
	CollectionRecords int `toml:"collection_records"`
	// Transaction bounds the operations of one transaction, 1 to 1000; one with
	// more is answered ETXN. Default 100.
	Transaction int `toml:"transaction"`
	// Hooks bounds the joins, leaves and versions of records of this node that
	// wait for the plugins' hooks, 1 to 16777216; a command or operation that
	// would bring one more waits for a second and then fails with ERATELIMIT,
	// as does one of a connection or record with 64 of its own waiting. What
	// follows from a disconnection is always taken. Default 65536.
	Hooks int `toml:"hooks"`
}

// LivenessConfig finds clients that are gone without having said so. The
// intervals are 0, which turns off, or at least 10ms.
type LivenessConfig struct {
	// PingInterval is the time between two pings. Default 30s.
	PingInterval time.Duration `toml:"ping_interval"`
	// LatencyInterval is the time between two latency measurements. Default
	// 5s.
	LatencyInterval time.Duration `toml:"latency_interval"`
	// MaxMissedPongs is how many pings in a row may stay unanswered; the tick
	// that finds more closes the session with 4101. 0 to 1000. Default 1.
	MaxMissedPongs int `toml:"max_missed_pongs"`
	// CloseTimeout is how long a client has to answer a close frame before its
	// connection is cut. Above 0. Default 2s.
	CloseTimeout time.Duration `toml:"close_timeout"`
}

// ProtocolConfig is about the frames themselves.
type ProtocolConfig struct {
	// AssignID lists the dialects, "mesh" and "rt", in which a client that
	// offers no subprotocol is told its id: one frame each, in this order.
	// Empty for clients that want none. Default ["mesh", "rt"].
	AssignID []string `toml:"assign_id"`
}

// MetadataConfig says what clients may do with metadata.
type MetadataConfig struct {
	// ClientWritable lists the top-level keys of its own metadata that a
	// connection may set itself, 1 to 256 bytes each without control
	// characters; "*" alone is every key. Default none.
	ClientWritable []string `toml:"client_writable"`
	// Guard, "<plugin>.<guard>", may let a client read the metadata of a
	// connection with which it shares no room. "" lets no one. Default "".
	Guard string `toml:"guard"`
}

// CacheOff is the PluginsConfig.CacheDir that keeps no compiled code on disk.
const CacheOff = "off"

// PluginsConfig says where plugins are and what each may use.
type PluginsConfig struct {
	// Dir is the folder whose *.wasm files are the plugins, relative to the
	// working directory. It is watched: files may come, change and go while
	// the server runs. Default "./plugins".
	Dir string `toml:"dir"`
	// CacheDir keeps compiled plugins from one start to the next, so that
	// loading takes milliseconds. "" is the folder mesh-host in the user's
	// cache folder, CacheOff none. Default "".
	CacheDir string `toml:"cache_dir"`
	// Settle is how long a plugin file must stay unchanged before it is
	// loaded, so that a file being written is not. 0 to 1m. Default 100ms.
	Settle time.Duration `toml:"settle"`
	// Defaults are the limits of every plugin not in Named. Its Config must be
	// empty: settings belong to one plugin.
	Defaults PluginConfig `toml:"defaults"`
	// Named holds the limits and settings of single plugins by name, each
	// complete: start from a copy of Defaults. A name is 1 to 64 letters,
	// digits, '-' and '_'; "dir", "cache_dir", "settle" and "defaults" are
	// reserved, because they are keys of the same table in config.toml.
	Named map[string]PluginConfig `toml:"-"`
}

// For returns the limits and settings of the plugin called name: those of
// Named, or else Defaults.
func (c PluginsConfig) For(name string) PluginConfig {
	if p, ok := c.Named[name]; ok {
		return p
	}
	return c.Defaults
}

// PluginMode says how a plugin's instances are kept.
type PluginMode string

const (
	// PluginPool runs calls side by side in up to PluginConfig.Instances
	// anonymous instances: a plugin's globals are not shared.
	PluginPool PluginMode = "pool"
	// PluginSingle runs calls one after another in one instance, whose memory
	// lasts until it fails or the plugin is swapped.
	PluginSingle PluginMode = "single"
)

// PluginConfig is what one plugin may use.
type PluginConfig struct {
	// Deadline bounds one call into the plugin, waiting for host calls
	// included; a plugin that passes it is stopped and its caller gets
	// ETIMEOUT. Above 0. Default 2s.
	Deadline time.Duration `toml:"deadline"`
	// Fuel bounds what one call executes, in units of about one instruction; the
	// caller of one that uses it up gets EPLUGIN. The start of an instance has as
	// much for itself. 0 is no bound but Deadline. Default 100,000,000,000, about
	// three times what a call can execute in 2 s.
	Fuel int64 `toml:"fuel"`
	// CallDepth is how deep a plugin's function calls may nest, 1 to 1,000,000;
	// one that goes deeper fails. Default 10,000.
	CallDepth int `toml:"call_depth"`
	// Memory bounds the linear memory of one instance, in bytes: a multiple of
	// 64 KiB, the WebAssembly page, up to 4 GiB. Default 16 MiB.
	Memory Size `toml:"memory"`
	// Instances bounds the instances of a plugin in mode PluginPool, and so
	// the calls that run at once; they are made as they are needed. 1 to
	// 10000. Default 32.
	Instances int `toml:"instances"`
	// CallsInFlight bounds the calls of a plugin that run and wait together;
	// one more gets ERATELIMIT at once. 1 to 1000000. Default 16384.
	CallsInFlight int `toml:"calls_in_flight"`
	// HostCalls bounds what a plugin asks of the server, all its instances
	// together, in host calls a second, and as many at once; what is over is
	// answered ERATELIMIT. log and config.get do not count. 1 to 1000000000.
	// Default 200000.
	HostCalls int `toml:"host_calls"`
	// Breaker is how many faults, timeouts and ends of the fuel in a row suspend a command, guard
	// or hook: calls then get EPLUGIN at once, and after a pause of 1s, doubling
	// to 30s, one is let through to see whether it is well again. 0 suspends
	// none. Default 20.
	Breaker int `toml:"breaker"`
	// Capabilities is what the plugin may ask of the server: "*" is everything
	// but HTTP; "records.write" one capability; "records" all that begin with it
	// and a dot; either of the last two for certain names only,
	// "records.write:score:*" or "records.write:/^score:.+$/" (RE2, the whole
	// name). A plugin that needs more does not load. At most 1024. Default "*".
	Capabilities []string `toml:"capabilities"`
	// HTTP is where the plugin may send HTTP requests to: origins,
	// "https://api.example.com", "http://10.0.0.7:8080", or
	// "https://*.example.com", all hosts below that one. At most 1024. Default
	// none.
	HTTP []string `toml:"http"`
	// HTTPNetworks are the networks, "10.0.0.0/8" or "fd00::/8", in which hosts
	// that HTTP names may lie besides the internet: a name that leads to another
	// private address is refused. An origin that is itself an address needs
	// none. At most 1024. Default none.
	HTTPNetworks []string `toml:"http_networks"`
	// HTTPTimeout bounds one HTTP request, redirects and the whole answer
	// included; Deadline bounds it too. Above 0. Default 10s.
	HTTPTimeout time.Duration `toml:"http_timeout"`
	// HTTPSize bounds the body of one HTTP request, and that of its answer after
	// decompression, in bytes, 1 to 64 MiB. Default 1 MiB.
	HTTPSize Size `toml:"http_size"`
	// Mode is PluginPool or PluginSingle. Default PluginPool.
	Mode PluginMode `toml:"mode"`
	// Output bounds what one call returns, in bytes, 1 to 1 GiB. Default 4
	// MiB.
	Output Size `toml:"output"`
	// LogRate bounds the lines a plugin logs, stdout and stderr included, in
	// lines a second; what is over is counted and dropped. 0 drops all.
	// Default 100.
	LogRate int `toml:"log_rate"`
	// KVSize bounds the plugin's keys and values together, in bytes, up to 1
	// TiB. 0 allows none. Default 16 MiB.
	KVSize Size `toml:"kv_size"`
	// Order, if not nil, replaces the order that the plugin registers: global
	// middleware and authenticate hooks of lower order run first. Default nil.
	Order *int `toml:"order"`
	// Config is the plugin's own settings, a JSON object; nil reads as {}. The
	// plugin can read it from mesh_register on. Default nil.
	Config json.RawMessage `toml:"-"`
}
