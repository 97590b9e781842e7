// Package develop is what authors of plugins need beside a compiler: a project
// to begin with (New), building (Build), a look into a module (Inspect), tests
// without a network (Test), measurements (Bench) and a host that follows the
// sources (Dev). The commands of `mesh-host plugin` are thin shells around it.
//
// Projects, modules and cases are input like any other: they are bounded and
// checked, and errors say what to do.
package develop

import "errors"

// UsageError is a request that means nothing, or input that is refused before
// anything is done: a name that is none, a folder that is not empty.
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// refused makes an error a UsageError.
func refused(err error) error { return &UsageError{err} }

// refusedText is refused of a text.
func refusedText(text string) error { return refused(errors.New(text)) }
