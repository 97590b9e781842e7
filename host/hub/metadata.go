package hub

import "encoding/json"

// SetMetadata replaces what Metadata returns; nil is none. It is not copied.
func (s *Session) SetMetadata(metadata json.RawMessage) { s.metadata.Store(&metadata) }
