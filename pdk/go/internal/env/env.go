// Package env is the edge of a plugin: the functions it imports from the host,
// one per operation and named like it, and Take, which fetches what the last
// one left. Each takes its encoded arguments and returns
// errorNumber<<32 | length of the result.
//
// In a build that is not for wasm the same functions go to Host, which a test
// provides.
package env
