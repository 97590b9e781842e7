package host

import (
	"fmt"

	"github.com/mesh-host/mesh-host/host/admin"
	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// openStore opens what this node shares with others, or has for itself alone.
func (s *Server) openStore(newEpochs bool) error {
	switch {
	case newEpochs && s.config.Store.Path == "":
		return &KeyError{Key: "store.path", Problem: "it is not set, and new epochs are for what it has kept"}
	case s.config.Redis.Used():
		return s.openRedis()
	}
	if err := s.openMemory(newEpochs); err != nil {
		return err
	}
	s.node = s.store.Node(s.config.nodeName())
	return nil
}

// openMemory opens the embedded backplane, with what store.path has kept, in new
// epochs if that is what it takes.
func (s *Server) openMemory(newEpochs bool) error {
	o := memory.Options{HistorySize: int64(s.config.Limits.HistorySize), NewEpochs: newEpochs}
	path := s.config.Store.Path
	if path == "" {
		s.log.Info("nothing outlives this process: records, histories, metadata and the plugins' stores are in memory only; store.path keeps them")
		s.store = memory.New(o)
		return nil
	}
	// What the journal tells of has no producer of its own to help with writing.
	kept, err := journal.Open(journal.Options{Dir: path, Log: s.log.With("component", "store"), After: s.hub.Relieve})
	if err != nil {
		return &KeyError{Key: "store.path", Problem: err.Error()}
	}
	o.Journal = kept
	if s.store, err = memory.Open(o); err != nil {
		_ = kept.Close()
		return fmt.Errorf("host: store.path: %w", err)
	}
	s.journal = kept
	held := s.store.Stats()
	s.log.Info("store opened", "path", path, "records", held.Records, "streams", held.Streams, "values", held.Values)
	if newEpochs {
		s.log.Info("all records and channel streams have new epochs, and no patches", "records", held.Records, "streams", held.Streams)
	}
	return nil
}

// closeBelow closes what is below the plugins, once none of them runs any more:
// their connections to elsewhere, and the store, which keeps what is still to be
// kept.
func (s *Server) closeBelow() error {
	s.outbound.Close()
	switch {
	case s.redis != nil:
		return s.redis.Close()
	case s.journal != nil:
		return s.journal.Close()
	}
	return nil
}

// storeFailed returns what is closed once the store can keep nothing any more;
// nil, which never is, without one.
func (s *Server) storeFailed() <-chan struct{} {
	if s.journal == nil {
		return nil
	}
	return s.journal.Failed()
}

// kept counts what is kept on disk.
func (s *Server) kept() admin.Store {
	if s.journal == nil {
		return admin.Store{}
	}
	j := s.journal.Stats()
	return admin.Store{
		Commits: j.Commits, Committing: j.Committing, Changes: j.Changes,
		Bytes: j.Bytes, Pending: j.PendingChanges, Size: j.FileSize,
	}
}
