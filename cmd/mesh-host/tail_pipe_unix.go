//go:build unix

package main

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// awaitNoReader returns true when the other end of a pipe has been closed, which
// writing alone would tell only with the next message, and false when the context
// ends or the output is no pipe.
func awaitNoReader(ctx context.Context, out io.Writer) bool {
	const look = 200 * time.Millisecond
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return false
	}
	poll := []unix.PollFd{{Fd: int32(file.Fd())}} //nolint:gosec // a descriptor is small
	for ctx.Err() == nil {
		_, err := unix.Poll(poll, int(look.Milliseconds()))
		if err == nil && poll[0].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			return true
		}
	}
	return false
}
