//go:build !unix

package transport

import "net"

func newDirectSource(net.Conn) source { return nil }

func isExhausted(error) bool { return false }
