package transport

import (
	"io"
	"net"
)

// source brings the bytes of a connection into an inbound. fill blocks until
// there is at least one more byte, or an error.
type source interface {
	fill(in *inbound) error
}

// newSource picks the way to read conn: where its file descriptor can be read
// directly, waiting holds no buffer.
func newSource(conn net.Conn) source {
	if s := newDirectSource(conn); s != nil {
		return s
	}
	return streamSource{conn}
}

// streamSource reads any net.Conn; a waiting session holds a buffer.
type streamSource struct{ conn net.Conn }

func (s streamSource) fill(in *inbound) error {
	n, err := s.conn.Read(in.borrow())
	in.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	in.giveBack()
	return err
}
