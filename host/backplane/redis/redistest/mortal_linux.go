package redistest

import "syscall"

// mortal has the system end a process with the one that has started it, however
// that ends.
func mortal() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
