// Package protocol is the wire contract with clients, version 1: scanning the
// envelope of a frame, encoding frames, dialects, names, errors. docs/PROTOCOL.md
// states it for those who write a client. Everything here is a pure function
// over bytes and safe for concurrent use.
package protocol
