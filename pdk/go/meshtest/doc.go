//go:build wasm

// Package meshtest is for go test; there is nothing of it in a plugin.
package meshtest
