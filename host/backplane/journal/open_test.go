package journal_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/mesh-host/mesh-host/host/backplane/journal"
	"github.com/mesh-host/mesh-host/host/backplane/memory"
)

// refused fails unless the journal of a folder cannot be opened, for reasons
// that all of these words tell of.
func refused(t *testing.T, dir string, words ...string) {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: dir})
	if err == nil {
		_ = j.Close()
		t.Error("it opens")
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not tell of %q", err, word)
		}
	}
}

func TestTwoOpeners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir)
	kept(t, j, put(memory.KVTable, "a", "1"))
	refused(t, dir, "another mesh-host uses", dir, "stop it")
	kept(t, j, put(memory.KVTable, "a", "2"))
	must(t, j.Close())
	want(t, open(t, dir), map[string]string{"kv a": "2"})
}

// What is not a journal is not touched.
func TestForeignFiles(t *testing.T) {
	t.Parallel()
	other := filepath.Join(t.TempDir(), "other")
	writeBolt(t, other, "other", "key", "value")
	foreign, err := os.ReadFile(other)
	must(t, err)
	newer := filepath.Join(t.TempDir(), "newer")
	writeBolt(t, newer, "mesh-host", "format", "2")
	future, err := os.ReadFile(newer)
	must(t, err)
	odd := filepath.Join(t.TempDir(), "odd")
	writeBolt(t, odd, "mesh-host", "format", "?")
	strange, err := os.ReadFile(odd)
	must(t, err)
	for name, c := range map[string]struct {
		content []byte
		words   []string
	}{
		"a little text": {[]byte("hello"), []string{"no store of mesh-host", "move it away"}},
		"a lot of text": {bytes.Repeat([]byte("hello "), 100_000), []string{"no store of mesh-host", "move it away"}},
		"zeros":         {make([]byte, 1<<20), []string{"no store of mesh-host", "move it away"}},
		"another bbolt": {foreign, []string{"no store of mesh-host", "another folder"}},
		"newer":         {future, []string{"format 2", "knows 1", "use the version"}},
		"odd":           {strange, []string{"damaged", "format"}},
		"half a page":   {future[:2000], []string{"no store of mesh-host"}},
		"a page":        {future[:os.Getpagesize()], []string{"damaged", "restore it"}},
		"two pages":     {future[:2*os.Getpagesize()], []string{"damaged", "restore it"}},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, journal.File)
		must(t, os.WriteFile(path, c.content, 0o600))
		refused(t, dir, append(c.words, path)...)
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, c.content) {
			t.Errorf("%s: it has changed (%v)", name, err)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func writeBolt(t *testing.T, path, bucket, key, value string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		must(t, err)
		return b.Put([]byte(key), []byte(value))
	}))
	must(t, db.Close())
}

func TestFoldersThatAreNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	refused(t, file, file, "not a directory")
	must(t, os.Mkdir(filepath.Join(dir, journal.File), 0o700))
	refused(t, dir, "it is a folder")
}

// An empty file is what another program leaves that makes it to have a mode.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, journal.File), nil, 0o600))
	j := open(t, dir)
	kept(t, j, put(memory.KVTable, "a", "1"))
	want(t, j, map[string]string{"kv a": "1"})
}

// states returns a file, without the room at its end, and what it held after each
// of its last two commits.
func states(t *testing.T) (file []byte, older, newer map[string]string) {
	t.Helper()
	dir := t.TempDir()
	j := open(t, dir)
	for i := range 60 {
		var change []memory.JournalEntry
		for k := range 60 {
			table := tables[rand.IntN(len(tables))]
			change = append(change, put(table, strconv.Itoa(i*k), strings.Repeat("v", rand.IntN(rand.IntN(9000)+1)))...)
		}
		kept(t, j, change)
	}
	older, err := load(j)
	must(t, err)
	kept(t, j, append(put(memory.KVTable, "last", "1"), remove(memory.KVTable, "0")...))
	newer, err = load(j)
	must(t, err)
	must(t, j.Close())
	file, err = os.ReadFile(filepath.Join(dir, journal.File))
	must(t, err)
	used := len(bytes.TrimRight(file, "\x00"))
	return file[:used+os.Getpagesize()-used%os.Getpagesize()], older, newer
}

// A file that is damaged anywhere, in any way, is refused, or it is as it was:
// where the damage is in what is free, or is to the last commit's own page,
// which looks like a commit that did not end.
func TestDamage(t *testing.T) {
	t.Parallel()
	file, older, newer := states(t)
	dir := t.TempDir()
	path := filepath.Join(dir, journal.File)
	refusals := 0
	for range 100 {
		hurt := damage(file)
		must(t, os.WriteFile(path, hurt, 0o600))
		j, err := journal.Open(journal.Options{Dir: dir})
		if err == nil {
			var got map[string]string
			got, err = load(j)
			if err == nil && !maps.Equal(got, newer) && !maps.Equal(got, older) {
				t.Error("what it holds was never there")
			}
			must(t, j.Close())
		}
		if err == nil {
			continue
		}
		refusals++
		if text := err.Error(); !strings.Contains(text, path) || !strings.Contains(text, "move it away") {
			t.Errorf("%q does not say what to do", text)
		}
	}
	if refusals < 15 {
		t.Errorf("only %d are refused", refusals)
	}
}

// damage returns a copy of a file with something done to it.
func damage(file []byte) []byte {
	hurt := bytes.Clone(file)
	page := os.Getpagesize()
	used := len(file)
	switch rand.IntN(6) {
	case 0: // cut off
		return hurt[:rand.IntN(used)]
	case 1: // a page of zeros
		at := rand.IntN(used/page) * page
		clear(hurt[at : at+page])
	case 2: // a page in place of another
		from, to := rand.IntN(used/page)*page, rand.IntN(used/page)*page
		copy(hurt[to:to+page], file[from:from+page])
	case 3: // a bit of a page's head
		at := rand.IntN(used/page)*page + rand.IntN(48)
		hurt[at] ^= 1 << rand.IntN(8)
	case 4: // a byte anywhere
		hurt[rand.IntN(used)] = byte(rand.IntN(256))
	case 5: // noise
		at := rand.IntN(used)
		for i := at; i < min(at+rand.IntN(200), len(hurt)); i++ {
			hurt[i] = byte(rand.IntN(256))
		}
	}
	return hurt
}
