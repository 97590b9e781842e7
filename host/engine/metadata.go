package engine

import (
	"bytes"
	"encoding/json"

	"github.com/mesh-host/mesh-host/host/protocol"
)

// The strategies of SetMetadata.
const (
	// Replace puts the new value in the place of the old one. The default.
	Replace = "replace"
	// Merge lays the members of an object over those of the old one.
	Merge = "merge"
	// DeepMerge is Merge, object into object; arrays and everything else
	// replace.
	DeepMerge = "deepMerge"
)

// Metadata returns a connection's metadata, nil where none was set, and its
// authenticated user, "" for an anonymous connection. It fails with ENOTFOUND.
func (e *Engine) Metadata(id string) (metadata json.RawMessage, user string, err error) {
	s := e.hub.Get(id)
	if s == nil {
		return nil, "", noConnection()
	}
	return s.Metadata(), s.User(), nil
}

// SetMetadata writes a connection's metadata, atomically, and returns it as it
// is afterwards. An empty strategy is Replace; Merge and DeepMerge take an
// object, and replace what is no object. It fails with ENOTFOUND, EPAYLOAD or
// ETOOLARGE.
func (e *Engine) SetMetadata(id string, metadata json.RawMessage, strategy string) (json.RawMessage, error) {
	if len(metadata) > e.limits.MetadataSize {
		return nil, e.metadataTooLarge(len(metadata))
	}
	if err := checkJSON("metadata", metadata); err != nil {
		return nil, err
	}
	combine, err := combiner(metadata, strategy)
	if err != nil {
		return nil, err
	}
	s := e.hub.Get(id)
	if s == nil {
		return nil, noConnection()
	}
	after, err := s.UpdateMetadata(func(before json.RawMessage) (json.RawMessage, error) {
		after := combine(before)
		if len(after) > e.limits.MetadataSize {
			return nil, e.metadataTooLarge(len(after))
		}
		return after, nil
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// combiner returns what a strategy makes of the metadata before; the result
// shares no memory with metadata.
func combiner(metadata []byte, strategy string) (func(before json.RawMessage) json.RawMessage, error) {
	switch strategy {
	case "", Replace:
		kept := json.RawMessage(bytes.Clone(metadata))
		return func(json.RawMessage) json.RawMessage { return kept }, nil
	case Merge, DeepMerge:
		if !protocol.IsObject(metadata) {
			return nil, payloadError("metadata", "must be an object for the strategy %q", strategy)
		}
		return func(before json.RawMessage) json.RawMessage {
			return protocol.Merge(before, metadata, strategy == DeepMerge)
		}, nil
	}
	return nil, payloadError("strategy", "%q is none of %q, %q and %q", protocol.CutText(strategy, 32), Replace, Merge, DeepMerge)
}

func (e *Engine) metadataTooLarge(size int) error {
	return tooLarge("metadata", size, e.limits.MetadataSize, "limits.metadata_size")
}
