package redis

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
)

//go:embed lua
var luaFiles embed.FS

// script is a change as Redis makes it. It gets the base of its shard's keys as
// KEYS[1], by which a Cluster finds the server, and makes the others from it.
type script struct {
	name string
	// plain and sharded are the texts, with their hashes, for a single server
	// and for a Cluster, on which publishing is another command.
	plain, sharded source
	// urgent is of one that goes before all that waits.
	urgent bool
}

type source struct{ text, sha string }

// newScript builds the script of a file in lua/, after those that its first line
// names: "-- needs: common, era".
func newScript(name string) *script {
	body := readLua(name)
	first, _, _ := strings.Cut(body, "\n")
	var text strings.Builder
	if needs, ok := strings.CutPrefix(first, "-- needs: "); ok {
		for need := range strings.SplitSeq(needs, ", ") {
			text.WriteString(readLua(need))
		}
	}
	text.WriteString(body)
	return &script{
		name:    name,
		plain:   newSource("local PUBLISH = 'PUBLISH'\n" + text.String()),
		sharded: newSource("local PUBLISH = 'SPUBLISH'\n" + text.String()),
	}
}

// newUrgentScript builds one that goes before all that waits, see script.urgent.
func newUrgentScript(name string) *script {
	s := newScript(name)
	s.urgent = true
	return s
}

func newSource(text string) source {
	sum := sha1.Sum([]byte(text)) // which is what EVALSHA goes by
	return source{text, hex.EncodeToString(sum[:])}
}

// readLua reads a file that is built in: one that is missing is a mistake of the
// program.
func readLua(name string) string {
	text, err := luaFiles.ReadFile("lua/" + name + ".lua")
	if err != nil {
		panic(fmt.Sprintf("redis: script %q: %v", name, err))
	}
	return string(text)
}

func (s *script) source(sharded bool) source {
	if sharded {
		return s.sharded
	}
	return s.plain
}
