package mesh

// The ways of SetConnectionMetadata.
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
func Send(to []string, command string, payload JSON, exclude ...string) (int64, error) {
	if to == nil {
		to = []string{}
	}
	return callConnectionsSend(to, command, payload, exclude)
}

// Broadcast pushes {command, payload} to every connection, less the excluded
// ones, and returns how many it was handed to. A nil payload is null.
func Broadcast(command string, payload JSON, exclude ...string) (int64, error) {
	return callBroadcast(command, payload, exclude)
}

// Disconnect closes a connection and tells whether there was one. The code is
// CloseNormal, CloseGoingAway, ClosePolicyViolation, CloseInternalError,
// CloseTryAgainLater or 4000 to 4999, 0: CloseKicked; the reason is at most
// 123 bytes. The hooks that this sets off run after the handler has returned.
func Disconnect(connectionID string, code int, reason string) (bool, error) {
	return callConnectionsDisconnect(connectionID, int64(code), reason)
}

// ConnectionMetadata returns a connection's metadata, null where none is set,
// and its authenticated user, "" for an anonymous one. The error is ENOTFOUND
// where there is no such connection.
func ConnectionMetadata(connectionID string) (metadata JSON, user string, err error) {
	return callConnectionsMetadataGet(connectionID)
}

// SetConnectionMetadata writes a connection's metadata by a strategy, Replace,
// Merge or DeepMerge, and returns it as it is then. The error is ENOTFOUND
// where there is no such connection, EPAYLOAD for the merge of something that
// is no object, ETOOLARGE beyond the host's limit.
func SetConnectionMetadata(connectionID string, metadata JSON, strategy string) (JSON, error) {
	return callConnectionsMetadataSet(connectionID, metadata, strategy)
}
