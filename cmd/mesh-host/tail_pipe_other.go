//go:build !unix

package main

import (
	"context"
	"io"
)

// awaitNoReader is what only Unix can tell: here writing fails instead.
func awaitNoReader(context.Context, io.Writer) bool { return false }
