package abi

// ErrorCode is an entry of ErrorCodes.
type ErrorCode struct {
	// Number is what a failed host call returns in its upper half, from 1.
	Number uint32
	Code   string
	// Name is the class that goes with the code unless a plugin says otherwise.
	Name string
	// HTTP is the status under which an HTTP door answers it.
	HTTP int
	Doc  string
}

// CloseCode is an entry of CloseCodes.
type CloseCode struct {
	Code int
	Name string
	// Reconnect tells a client whether to come back.
	Reconnect bool
	Doc       string
}

// Operation describes one host operation: its doors, the kits and the
// documents all follow from it.
type Operation struct {
	Name string
	// Capability is what a plugin must be granted to use it; empty: always.
	Capability string
	// Subject names the field of the request that a capability for certain
	// names is held against: of type string, or strings, of which each must
	// match; "operations[].recordId" is the member of each object in a list.
	// Empty: the operation has no name, and needs its capability for all.
	Subject string
	// Door is DoorPlugin or DoorOperator for an operation that only plugins or
	// only operators may call; empty: both.
	Door string
	// Result names the field of the response that is the result by itself
	// where operations are answered in JSON; empty: the whole response is.
	Result   string
	Doc      string
	Request  []Field
	Response []Field
}

// The doors that an operation may be bound to.
const (
	DoorPlugin   = "plugin"
	DoorOperator = "operator"
)

// Field describes one field of an operation's request or response.
type Field struct {
	Name string
	// Type is string, json, int, bool or strings.
	Type     string
	Optional bool
	Doc      string
}

// LookupError finds a code's entry; the codes that plugins invent have none.
func LookupError(code string) (ErrorCode, bool) {
	for _, e := range ErrorCodes {
		if e.Code == code {
			return e, true
		}
	}
	return ErrorCode{}, false
}
