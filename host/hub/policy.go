package hub

// String returns the policy as configuration writes it.
func (p Policy) String() string {
	switch p {
	case Drop:
		return "drop"
	case Conflate:
		return "conflate"
	}
	return "disconnect"
}
