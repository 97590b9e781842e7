//go:build !unix

package develop

import "os/exec"

// ownGroup does nothing where there are no groups: the program alone ends.
func ownGroup(*exec.Cmd) {}
