//go:build linux

package main

import (
	"errors"
	"net"
	"sync"

	"github.com/gobwas/ws"
)

// floorBuffer is how much a read of the floor may take, in bytes: what the
// host takes, too.
const floorBuffer = 16 << 10

// floor is the least that a WebSocket server can cost in Go with a goroutine per
// connection: no envelope, no session, no check but the frame's head. With echo,
// one read takes all frames that have arrived, one write answers them all.
type floor struct {
	listener net.Listener
	work     sync.WaitGroup
	handle   func(net.Conn) // what it does with a connection, until that ends
}

func newFloor(handle func(net.Conn)) (*floor, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	return &floor{listener: l, handle: handle}, err
}

// serve runs until close; connections end when their clients end them.
func (f *floor) serve() error {
	defer f.work.Wait()
	for {
		conn, err := f.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		f.work.Go(func() {
			if _, err := ws.Upgrade(conn); err == nil {
				f.handle(conn)
			}
			_ = conn.Close()
		})
	}
}

// echo answers every frame with its own text until the connection ends.
func echo(conn net.Conn) {
	transform(conn, func(out []byte) error {
		_, err := conn.Write(out)
		return err
	})
}

// transform gives write a server's frames with the texts of those that have
// arrived, read for read, until the connection or write fails.
func transform(conn net.Conn, write func([]byte) error) {
	out := make([]byte, 0, floorBuffer)
	frames(conn, floorBuffer, floorBuffer, func(text []byte) {
		out = append(appendHead(out, 0, len(text)), text...)
	}, func() error {
		if len(out) == 0 {
			return nil
		}
		err := write(out)
		out = out[:0]
		return err
	})
}

// frames gives take the texts of the frames that have arrived, and calls done
// after each read, until the connection or done fails. A read takes so many bytes;
// a frame that is larger than most is not ours.
func frames(conn net.Conn, bytes, most int, take func(text []byte), done func() error) {
	in := make([]byte, bytes)
	for kept := 0; ; {
		n, err := conn.Read(in[kept:])
		if err != nil {
			return
		}
		unread := in[:kept+n]
		for {
			f, err := next(unread)
			if err != nil || f.size > 0 && f.op != ws.OpText {
				return
			}
			if f.size == 0 {
				break
			}
			ws.Cipher(f.body, f.mask, 0)
			take(f.body)
			unread = unread[f.size:]
		}
		if err := done(); err != nil {
			return
		}
		if len(unread) < kept+n {
			copy(in, unread)
		}
		if kept = len(unread); kept == len(in) {
			if kept >= most {
				return
			}
			in = append(in, make([]byte, kept)...)
		}
	}
}
