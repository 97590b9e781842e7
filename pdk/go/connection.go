package mesh

// Connections are the clients that are connected, to whatever node.
var Connections ConnectionOperations

// ConnectionOperations is the type of Connections.
type ConnectionOperations struct{}

// The strategies of writing metadata and records.
const (
	// Replace puts the new value in the old one's place.
	Replace = "replace"
	// Merge lays the members of an object over those of the old one.
	Merge = "merge"
	// DeepMerge does so in nested objects too; arrays replace.
	DeepMerge = "deepMerge"
)

// Send pushes {command, payload} to the connections of a list, less the
// excluded ones, and returns how many it was handed to. Unknown ids are passed
// over. A nil payload is null.
func (ConnectionOperations) Send(to []string, command string, payload JSON, exclude ...string) (int64, error) {
	return callConnectionsSend(listed(to), command, payload, exclude)
}

// Disconnect closes a connection and tells whether there was one. The code is
// CloseNormal, CloseGoingAway, ClosePolicyViolation, CloseInternalError,
// CloseTryAgainLater or 4000 to 4999, 0: CloseKicked; the reason is at most
// 123 bytes. The hooks that this sets off run after the handler has returned.
func (ConnectionOperations) Disconnect(connectionID string, code int, reason string) (bool, error) {
	return callConnectionsDisconnect(connectionID, int64(code), reason)
}

// Metadata returns a connection's metadata, null where none is set, and its
// authenticated user, "" for an anonymous one. The error is ENOTFOUND where
// there is no such connection.
func (ConnectionOperations) Metadata(connectionID string) (metadata JSON, user string, err error) {
	return callConnectionsMetadataGet(connectionID)
}

// SetMetadata writes a connection's metadata by a strategy, Replace, Merge or
// DeepMerge, and returns it as it is then. The error is ENOTFOUND where there
// is no such connection, EPAYLOAD for the merge of something that is no object,
// ETOOLARGE beyond the host's limit.
func (ConnectionOperations) SetMetadata(connectionID string, metadata JSON, strategy string) (JSON, error) {
	return callConnectionsMetadataSet(connectionID, metadata, strategy)
}

// Lists come in pages. The first one begins at the cursor "", each further one
// at the next that the page before it returned, which is "" after the last. A
// page has at most limit entries, up to 1000; 0: 100.

// List returns a page of the connections of a user, "": of all, as
// [{"connectionId", "user", "node", "latency", "connectedAt"}]: user is missing
// for an anonymous one, the latency is the last one measured, in milliseconds.
func (ConnectionOperations) List(user, cursor string, limit int) (page JSON, next string, err error) {
	return callConnectionsList(user, cursor, int64(limit))
}

// ListMetadata returns a page of the metadata of a room's members, "": of all
// connections, as [{"<connectionId>": metadata}], null where none is set.
func (ConnectionOperations) ListMetadata(room, cursor string, limit int) (page JSON, next string, err error) {
	return callConnectionsMetadataList(room, cursor, int64(limit))
}

// Send is Connections.Send.
func Send(to []string, command string, payload JSON, exclude ...string) (int64, error) {
	return Connections.Send(to, command, payload, exclude...)
}

// Broadcast pushes {command, payload} to every connection, less the excluded
// ones, and returns how many it was handed to. A nil payload is null.
func Broadcast(command string, payload JSON, exclude ...string) (int64, error) {
	return callBroadcast(command, payload, exclude)
}

// Disconnect is Connections.Disconnect.
func Disconnect(connectionID string, code int, reason string) (bool, error) {
	return Connections.Disconnect(connectionID, code, reason)
}

// ConnectionMetadata is Connections.Metadata.
func ConnectionMetadata(connectionID string) (metadata JSON, user string, err error) {
	return Connections.Metadata(connectionID)
}

// SetConnectionMetadata is Connections.SetMetadata.
func SetConnectionMetadata(connectionID string, metadata JSON, strategy string) (JSON, error) {
	return Connections.SetMetadata(connectionID, metadata, strategy)
}

// listed makes an empty list of none, which would read as a missing one.
func listed(to []string) []string {
	if to == nil {
		return []string{}
	}
	return to
}
