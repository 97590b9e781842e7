package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/mesh-host/mesh-host/abi"
	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/protocol"
)

// payloadError answers a field that is not as it must be.
func payloadError(field, problem string, args ...any) error {
	return protocol.NewError(abi.CodePayload, field+": "+fmt.Sprintf(problem, args...))
}

// tooLarge answers a value of size bytes beyond its limit.
func tooLarge(field string, size, limit int, setting string) error {
	return protocol.NewError(abi.CodeTooLarge,
		fmt.Sprintf("%s: %d bytes are more than %s allows (%d)", field, size, setting, limit))
}

func noConnection() error {
	return protocol.NewError(abi.CodeNotFound, "There is no connection with this connectionId")
}

// checkJSON refuses what is not one JSON value: it is embedded in frames as it
// is.
func checkJSON(field string, text []byte) error {
	switch {
	case text == nil:
		return payloadError(field, "is missing")
	case !protocol.Valid(text):
		return payloadError(field, "must be one JSON value in UTF-8, nested at most %d deep", protocol.MaxDepth)
	}
	return nil
}

// storeError says what a failure of the store means to the caller.
func storeError(operation string, err error) error {
	switch {
	case errors.Is(err, backplane.ErrNotFound):
		return noConnection()
	case errors.Is(err, backplane.ErrCursor):
		return payloadError("cursor", "must be one that the list before has ended with")
	case errors.Is(err, backplane.ErrUnavailable):
		return protocol.NewError(abi.CodeUnavailable, "Backplane unavailable")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return protocol.NewError(abi.CodeTimeout, operation+": the call's deadline passed")
	}
	return fmt.Errorf("engine: %s: %w", operation, err)
}
