package mesh

// Presence is who is present in the rooms that a pattern of Plugin.Presence or
// of the operator's has tracked, and in what state each is.
var Presence PresenceOperations

// PresenceOperations is the type of Presence.
type PresenceOperations struct{}

// List returns the ids of those who are present in a room, and the states of
// those that have one as {"<connectionId>": state}.
func (PresenceOperations) List(room string) (present []string, states JSON, err error) {
	return callPresenceList(room)
}

// Set sets the state of a connection, any value but null, and tells the room's
// subscribers. It lasts until expireAfter, Forever: until it is changed or the
// connection leaves. It is false where the connection is not present; the error
// is ETOOLARGE beyond the host's limit.
func (PresenceOperations) Set(room, connectionID string, state JSON, expireAfter Duration) (bool, error) {
	return callPresenceSet(room, connectionID, state, int64(expireAfter), false)
}

// SetSilently is Set, but tells nobody.
func (PresenceOperations) SetSilently(room, connectionID string, state JSON, expireAfter Duration) (bool, error) {
	return callPresenceSet(room, connectionID, state, int64(expireAfter), true)
}

// Clear takes the state of a connection away. It is false where the connection
// is not present.
func (PresenceOperations) Clear(room, connectionID string) (bool, error) {
	return callPresenceClear(room, connectionID)
}

// Unsubscribe ends a connection's subscription to the presence of a room and
// tells whether there was one. The client gets the reason, at most 123 bytes.
func (PresenceOperations) Unsubscribe(room, connectionID, reason string) (bool, error) {
	return callPresenceUnsubscribe(room, connectionID, reason)
}
