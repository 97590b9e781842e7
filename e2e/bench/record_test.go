//go:build linux

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

func TestRecordValue(t *testing.T) {
	t.Parallel()
	for _, size := range []int{payloadSize, memberSize, 10e3, 1e6} {
		value := newNumbered(recordValue(size, "main")).with(42)
		var read struct {
			N     int
			Open  bool
			Board string
			Items []map[string]any
		}
		if err := json.Unmarshal(value, &read); err != nil || len(value) != size {
			t.Fatalf("value of %d bytes instead of %d: %v", len(value), size, err)
		}
		if read.N != firstNumber+42 || !read.Open || read.Board != "main" || len(read.Items) < size/150 {
			t.Errorf("value of %d bytes reads as number %d, %v, board %q, %d items", size, read.N, read.Open, read.Board, len(read.Items))
		}
	}
	for _, text := range []*numbered{newWrite("a", 200, "b"), newMerge("a"), newFull("a", 200, "b"), newPatch("a")} {
		if b := text.with(initialNumber); !json.Valid(b) || !strings.Contains(string(b), "99999999") {
			t.Errorf("no message: %s", b)
		}
		if n, ok := text.number([]byte(string(text.with(7)))[:text.start+8], 0); !ok || n != 7 {
			t.Errorf("%s has number %d, %v", text.text, n, ok)
		}
	}
}

// startRecords runs a host with what recordConfig opens.
func startRecords(t *testing.T) (address string) {
	t.Helper()
	config := host.Default()
	config.Listen, config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0"
	config.Plugins.Dir, config.Plugins.CacheDir = t.TempDir(), "off"
	config.Limits.MessageSize, config.Limits.Outbox = 2*host.MiB, 32*host.MiB
	config.Limits.Collections = config.Limits.Subscriptions
	config.Records = []host.RecordConfig{{Pattern: "/^(board|(item|thing):.+)$/", Writable: true}}
	filter := host.Filter{"open": json.RawMessage(`true`), "board": json.RawMessage(`"$1"`)}
	config.Collections = []host.CollectionConfig{
		{Pattern: "/^of:(.+)$/", Records: host.PatternList{"/^item:.+$/"}, Filter: filter, Limit: 1000},
		{Pattern: "/^at:(.+)$/", Records: host.PatternList{"/^thing:.+$/"}, Filter: filter, Limit: 1000},
	}
	return startRole(t, func(ctx context.Context, ready func(net.Addr)) error {
		return serveConfig(ctx, config, slog.New(slog.DiscardHandler), ready)
	})
}

// Each update reaches each listener once and in order, in its form, also where
// it is larger than a read.
func TestRecordAudience(t *testing.T) {
	t.Parallel()
	for _, l := range []recordLoad{
		{Size: 200, Patches: 2, fanLoad: fanLoad{Listeners: 3, InFlight: 1}},
		{Size: 10e3, Patches: 1, fanLoad: fanLoad{Listeners: 2, InFlight: 16}},
		{Size: 600e3, Patches: 1, fanLoad: fanLoad{Listeners: 3, InFlight: 16}},
		{Size: 200, fanLoad: fanLoad{Listeners: 2, InFlight: 16}},
		{Size: 600e3, Merge: true, Patches: 2, fanLoad: fanLoad{Listeners: 2, InFlight: 2}},
	} {
		l.Duration = 30 * time.Millisecond
		l.Address = startRecords(t)
		for _, l.Bare = range []bool{false, false, true} { // a second load finds the record
			if l.Bare {
				l.Address = startRole(t, serveLaneFloor)
			}
			found, err := l.run()
			if err != nil || found.Rate <= 0 || found.P50 <= 0 || found.Bytes < found.Rate*100 {
				t.Errorf("%+v: found %+v, %v", l, found, err)
			}
		}
	}
}

func TestCollectionAudience(t *testing.T) {
	t.Parallel()
	bare := startRole(t, serveLaneFloor)
	for _, l := range []collectionLoad{
		{Members: 20, fanLoad: fanLoad{Listeners: 3, InFlight: 16}},
		{Members: 20, Bare: true, fanLoad: fanLoad{Listeners: 3, InFlight: 16}},
		{Members: 1, Beside: besideEach + 1, fanLoad: fanLoad{Listeners: 1, InFlight: 1}},
		{Members: 2, Beside: 30, Elsewhere: true, fanLoad: fanLoad{Listeners: 2, InFlight: 4}},
	} {
		l.Size, l.Duration, l.Address = memberSize, 30*time.Millisecond, bare
		if !l.Bare {
			l.Address = startRecords(t)
		}
		if found, err := l.run(); err != nil || found.Rate <= 0 || found.P50 <= 0 {
			t.Errorf("%+v: found %+v, %v", l, found, err)
		}
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	floor := startFloor(t).listener.Addr().String()
	for _, l := range []writeLoad{
		{Clients: 10, Records: 1},
		{Clients: 10, Records: 10},
		{Clients: 10, Records: 1, Bare: true},
	} {
		l.Size, l.Duration, l.Address = 200, 30*time.Millisecond, floor
		if !l.Bare {
			l.Address = startRecords(t)
		}
		for range 2 {
			if found, err := l.run(); err != nil || found.Rate <= 0 || found.P50 <= 0 {
				t.Errorf("%+v: found %+v, %v", l, found, err)
			}
		}
	}
	if _, err := (writeLoad{Clients: 1, Records: 1, Address: floor, Size: 200}).run(); err == nil {
		t.Error("a server that makes no versions passes")
	}
}

// A version that is answered twice, or that is no one's, is found out.
func TestWriterVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers []string // of clients in turn
		ok      bool
	}{
		{"in order", []string{"4", "5"}, true},
		{"out of order", []string{"5", "4"}, true},
		{"twice", []string{"4", "4"}, false},
		{"one is missing", []string{"4", "6"}, false},
		{"back", []string{"4", "5", "3"}, false},
		{"none", []string{`"x"`}, false},
	} {
		w := &writers{histories: make([]history, 1), clients: []*writer{{}, {}}}
		var err error
		for i, version := range c.answers {
			if err == nil {
				err = w.made(w.clients[i%2], []byte(`{"success":true,"version":`+version+`,"epoch":"e"}}`))
			}
		}
		if err == nil {
			err = w.end()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDisk(t *testing.T) {
	t.Parallel()
	d, err := tryDisk(t.TempDir())
	if err != nil || d.Sync <= 0 || d.SyncP99 < d.Sync || !strings.Contains(d.line(), d.FileSystem) {
		t.Errorf("found %+v, %v", d, err)
	}
}

func TestRecordTables(t *testing.T) {
	t.Parallel()
	at := func(rate float64, cpu time.Duration) []sample {
		return []sample{{Rate: rate, P50: time.Millisecond, P99: time.Second, CPU: cpu, Bytes: 500e6}}
	}
	r := &report{
		Disk: &disk{Folder: "/tmp", FileSystem: "ext4", Sync: time.Millisecond, SyncP99: 2 * time.Millisecond},
		Records: []*recordCase{
			{Server: floorRecords, Shape: recordShapes[3], Samples: at(2e6, 0)},
			{Server: memoryRecords, Shape: recordShapes[3], Samples: at(1e6, 400*time.Nanosecond)},
			{Server: memoryRecords, Shape: peerShapes[0], Samples: at(260e3, 0)},
			{Server: storeRecords, Shape: recordShapes[len(recordShapes)-1], Samples: at(1, 0)},
		},
		Writes: []*writeCase{
			{Server: floorRecords, Shape: writeShapes[0], Samples: at(80e3, 0)},
			{Server: storeRecords, Shape: writeShapes[0], Samples: at(20e3, 0)},
			{Server: storeRecords, Shape: writeShapes[1], Samples: at(30e3, 0)},
		},
		Collections: []*collectionCase{
			{Server: floorRecords, Shape: collectionShapes[0], Samples: at(3e5, 0)},
			{Server: memoryRecords, Shape: collectionShapes[0], Samples: at(2e5, 0)},
			{Server: memoryRecords, Shape: besideShapes[0], Samples: at(50e3, 10*time.Microsecond)},
			{Server: memoryRecords, Shape: besideShapes[2], Samples: at(50e3, 11*time.Microsecond)},
			{Server: memoryRecords, Shape: besideShapes[3], Samples: at(50e3, 12*time.Microsecond)},
		},
	}
	table := r.table()
	for _, want := range []string{
		"100 patch + 100 full × 16", "5,000", "1,000,000", "0.50", "400ns", "1 MB, merged", "| 500 ", "of /tmp, ext4",
		"50 on one record", "50 on 50 records", "0.25", "1000 members, 100 × 1", "0.67", "1.10", "1.20", "of other records",
		"deliveries/s, a record, 100 × 1 ", "10000 collections beside", "met",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("the table lacks %q:\n%s", want, table)
		}
	}
	for _, s := range recordShapes {
		if slug := s.slug(); strings.ContainsAny(slug, " ×/,+") {
			t.Errorf("%q is no part of a file's name", slug)
		}
	}
}
