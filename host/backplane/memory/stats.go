package memory

// Stats is how much a store holds.
type Stats struct {
	Nodes int `json:"nodes"` // those that are alive
	// Connections and Users are what is in the directory.
	Connections int `json:"connections"`
	Users       int `json:"users"`
	// Rooms are those with members or metadata; Members counts memberships,
	// Present those that are present, States the states of these.
	Rooms   int `json:"rooms"`
	Members int `json:"members"`
	Present int `json:"present"`
	States  int `json:"states"`
	// RoomMetadata is in bytes, counted as a KV counts.
	RoomMetadata int64 `json:"room_metadata"`
	// Streams are those of channels, History what they take up, in bytes.
	Streams int   `json:"streams"`
	History int64 `json:"history"`
	// Records counts tombstones too, and RecordBytes what all take up as the
	// limit of Commit counts.
	Records     int   `json:"records"`
	RecordBytes int64 `json:"record_bytes"`
	// Subscriptions are topics that nodes have subscribed to, counted for
	// each node.
	Subscriptions int `json:"subscriptions"`
	// Values are the entries of all namespaces, expired ones included until
	// they are swept.
	Values int `json:"values"`
}

// Stats counts what the store holds. The numbers are each right at some moment
// of the call, not all at the same one.
func (s *Store) Stats() Stats {
	live := *s.live.Load()
	stats := Stats{
		Nodes:        len(live),
		Connections:  s.connections.count(),
		Users:        s.users.count(),
		Rooms:        s.rooms.count(),
		RoomMetadata: s.metadata.Load(),
		Streams:      s.channels.streams.count(),
		History:      s.channels.held.Load(),
		Records:      s.records.count(),
		RecordBytes:  s.recordBytes.Load(),
		Values:       s.values.count(),
	}
	for i := range s.counts {
		stats.Members += int(s.counts[i].members.Load())
		stats.Present += int(s.counts[i].present.Load())
		stats.States += int(s.counts[i].states.Load())
	}
	for _, n := range live {
		stats.Subscriptions += n.topics.count()
		if n.allRecords.Load() {
			stats.Subscriptions++
		}
	}
	return stats
}
