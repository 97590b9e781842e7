//go:build unix

package wasm

import "golang.org/x/sys/unix"

// reserve takes size bytes of address space that nothing backs yet.
func reserve(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, max(size, pageSize), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

// commit makes reserved[from:to] readable and writable; the system backs it
// with zeroes as it is touched. Growing in steps keeps each mapping small: one
// large writable one would be backed by huge pages, and an instance that needs
// 32 KiB would cost 2 MiB.
func commit(reserved []byte, from, to int) error {
	if from == to {
		return nil
	}
	return unix.Mprotect(reserved[from:to], unix.PROT_READ|unix.PROT_WRITE)
}

func release(reserved []byte) {
	_ = unix.Munmap(reserved) // fails only for memory that reserve did not return
}
