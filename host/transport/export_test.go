package transport

// LimitPlain bounds the connections for plain HTTP as tests can reach it. It must be
// called before the first one.
func (s *Server) LimitPlain(most int64) { s.plain.most = most }
