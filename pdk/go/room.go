package mesh

// Rooms are groups of connections, on all nodes. Names are 1 to 256 bytes
// without control characters; a room is there as long as it has members or
// metadata. No guard is asked. The hooks that a change sets off run after the
// handler has returned.
var Rooms RoomOperations

// RoomOperations is the type of Rooms.
type RoomOperations struct{}

// Add makes a connection a member, as if it had joined, and tells whether it
// was none before. The error is ENOTFOUND where there is no such connection,
// ELIMIT where it is in as many rooms as the host allows.
func (RoomOperations) Add(room, connectionID string) (bool, error) {
	return callRoomsAdd(room, connectionID)
}

// Remove ends a membership and tells whether there was one.
func (RoomOperations) Remove(room, connectionID string) (bool, error) {
	return callRoomsRemove(room, connectionID)
}

// RemoveFromAll ends all memberships of a connection and returns the rooms that
// it was in.
func (RoomOperations) RemoveFromAll(connectionID string) ([]string, error) {
	return callRoomsRemoveFromAll(connectionID)
}

// Has tells whether a connection is a member.
func (RoomOperations) Has(room, connectionID string) (bool, error) {
	return callRoomsHas(room, connectionID)
}

// Members returns the ids of a room's members.
func (RoomOperations) Members(room string) ([]string, error) { return callRoomsMembers(room) }

// Of returns the rooms of a connection.
func (RoomOperations) Of(connectionID string) ([]string, error) {
	if connectionID == "" {
		return nil, BadPayload("connectionId", "is missing") // all rooms would be another question
	}
	rooms, _, err := callRoomsList(connectionID, "", 0)
	return rooms, err
}

// List returns a page of the rooms that have members; cursor, limit and next
// are as for Connections.List.
func (RoomOperations) List(cursor string, limit int) (rooms []string, next string, err error) {
	return callRoomsList("", cursor, int64(limit))
}

// Clear ends all memberships of a room, removes its metadata and returns how
// many members it had.
func (RoomOperations) Clear(room string) (int64, error) { return callRoomsClear(room) }

// Send pushes {command, payload} to the members of a room, less the excluded
// ones, and returns how many it was handed to. A nil payload is null.
func (RoomOperations) Send(room, command string, payload JSON, exclude ...string) (int64, error) {
	return callRoomsSend(room, command, payload, exclude)
}

// Metadata returns a room's metadata, null where none is set.
func (RoomOperations) Metadata(room string) (JSON, error) { return callRoomsMetadataGet(room) }

// SetMetadata writes a room's metadata by a strategy, Replace, Merge or
// DeepMerge, and returns it as it is then. It outlives the members; null takes
// it away. The error is EPAYLOAD for the merge of something that is no object,
// ETOOLARGE or ELIMIT beyond the host's limits.
func (RoomOperations) SetMetadata(room string, metadata JSON, strategy string) (JSON, error) {
	return callRoomsMetadataSet(room, metadata, strategy)
}

// ListMetadata returns a page of the rooms that have metadata, as
// {"<room>": metadata}; cursor, limit and next are as for Connections.List.
func (RoomOperations) ListMetadata(cursor string, limit int) (page JSON, next string, err error) {
	return callRoomsMetadataList(cursor, int64(limit))
}
