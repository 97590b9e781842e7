package mesh

// Users are the authenticated users that are connected, each with one
// connection or several.
var Users UserOperations

// UserOperations is the type of Users.
type UserOperations struct{}

// Send pushes {command, payload} to every connection of the users of a list,
// less the excluded connections, and returns how many it was handed to. Unknown
// users are passed over. A nil payload is null.
func (UserOperations) Send(to []string, command string, payload JSON, exclude ...string) (int64, error) {
	return callUsersSend(listed(to), command, payload, exclude)
}

// Disconnect closes every connection of a user and returns how many there
// were. Code and reason are as for Connections.Disconnect.
func (UserOperations) Disconnect(user string, code int, reason string) (int64, error) {
	return callUsersDisconnect(user, int64(code), reason)
}

// List returns a page of the users, each of them once; cursor, limit and next
// are as for Connections.List.
func (UserOperations) List(cursor string, limit int) (users []string, next string, err error) {
	return callUsersList(cursor, int64(limit))
}

// Connections returns the ids of a user's connections.
func (UserOperations) Connections(user string) ([]string, error) { return callUsersConnections(user) }
