package outbound

// These are for tests.
var (
	IsPublic   = isPublic
	NewRequest = newRequest
)
