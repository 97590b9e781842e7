//go:build !unix

package wasm

// Where there is no mmap the whole limit is taken from the heap; Go and the
// system back it as it is touched.

func reserve(size int) ([]byte, error) { return make([]byte, max(size, pageSize)), nil }

func commit([]byte, int, int) error { return nil }

func release([]byte) {}
