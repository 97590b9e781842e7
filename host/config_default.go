package host

import "time"

// Default returns the configuration of an empty config.toml. Each call
// returns its own slices.
func Default() Config {
	return Config{
		Listen:   ":8080",
		Node:     NodeConfig{Lease: 10 * time.Second},
		Admin:    AdminConfig{Listen: "127.0.0.1:8081"},
		Log:      LogConfig{Level: "info", Format: "text"},
		Shutdown: ShutdownConfig{Grace: 10 * time.Second},
		Redis: RedisConfig{
			Addresses:      []string{},
			Mode:           redisStandalone,
			Prefix:         "mesh:",
			Pool:           8,
			ConnectTimeout: time.Second,
			Timeout:        time.Second,
		},
		Handshake: HandshakeConfig{
			Timeout:    10 * time.Second,
			HeaderSize: 16 * KiB,
			Origins:    []string{"*"},
		},
		Auth: AuthConfig{Require: []string{}},
		Limits: LimitsConfig{
			MessageSize:       64 * KiB,
			BadFrames:         16,
			CommandsInFlight:  16,
			Outbox:            1 * MiB,
			ReplySize:         4 * MiB,
			MetadataSize:      64 * KiB,
			Connections:       100_000,
			Subscriptions:     1000,
			Rooms:             1000,
			PresenceState:     4 * KiB,
			RoomMetadata:      64 * MiB,
			HistorySize:       256 * MiB,
			RecordSize:        1 * MiB,
			RecordsSize:       256 * MiB,
			RecordPatches:     64,
			RecordTombstone:   24 * time.Hour,
			Collections:       100,
			CollectionRecords: 10_000,
			Transaction:       100,
			Hooks:             65_536,
		},
		Liveness: LivenessConfig{
			PingInterval:    30 * time.Second,
			LatencyInterval: 5 * time.Second,
			MaxMissedPongs:  1,
			CloseTimeout:    2 * time.Second,
		},
		Protocol: ProtocolConfig{AssignID: []string{"mesh", "rt"}},
		Metadata: MetadataConfig{ClientWritable: []string{}},
		Plugins: PluginsConfig{
			Dir:    "./plugins",
			Settle: 100 * time.Millisecond,
			Defaults: PluginConfig{
				Deadline:      2 * time.Second,
				Fuel:          100_000_000_000,
				CallDepth:     10_000,
				Memory:        16 * MiB,
				Instances:     32,
				CallsInFlight: 16_384,
				HostCalls:     200_000,
				Breaker:       20,
				Capabilities:  []string{"*"},
				HTTP:          []string{},
				Mode:          PluginPool,
				Output:        4 * MiB,
				HTTPNetworks:  []string{},
				HTTPTimeout:   10 * time.Second,
				HTTPSize:      MiB,
				LogRate:       100,
				KVSize:        16 * MiB,
			},
		},
	}
}
