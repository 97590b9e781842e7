package backplanetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/backplane"
)

func runRecords(t *testing.T, b Backend) {
	t.Helper()
	b.run(t, tests{
		"a missing record has no version":               missingRecord,
		"versions count from 1":                         countsVersions,
		"a write needs the version that it expects":     expectsVersion,
		"whatever is written is a version":              writesSame,
		"keep makes no version":                         keepsRecord,
		"a deletion is a version":                       deletesRecord,
		"what is missing can be deleted":                deletesMissing,
		"records are any bytes":                         anyRecords,
		"values and patches are copied":                 copiedRecords,
		"a large value is kept":                         largeRecord,
		"epochs differ":                                 epochsDiffer,
		"the changes of all records come once":          allRecords,
		"the writer's node is told, once":               toldWriter,
		"a transaction makes all writes or none":        transacts,
		"a transaction writes a record once":            transactsOnce,
		"a transaction has what is kept in it":          transactsKept,
		"the log has the newest patches":                logsPatches,
		"the log is bounded by count and bytes":         boundsLog,
		"the log has no gaps":                           logWithoutGaps,
		"the log answers as a list would":               logAnswersAsList,
		"all records are limited":                       limitsRecords,
		"records over their limit may shrink":           shrinksRecords,
		"a refused write leaves nothing":                refusedRecords,
		"records are listed once":                       listedRecords,
		"records are listed as is asked for":            listsAsAsked,
		"the few that match are found among many":       listsFew,
		"a page of values is bounded in bytes":          listsByBytes,
		"hammer: no version is lost or doubled":         hammerVersions,
		"hammer: transactions that overlap":             hammerTransfers,
		"hammer: subscribe and read are joined":         hammerRecordRecovery,
		"hammer: the limit of records holds":            hammerRecordLimit,
		"hammer: coming and going, and what it leaves":  hammerTombstones,
		"hammer: one order for those of a transaction":  hammerTogether,
		"hammer: of many that begin a record, one does": hammerBegin,
	})
	b.runTimed(t, longLease, tests{
		"a record expires":                                recordExpires,
		"an expiry is seen before it is told":             expirySeen,
		"a write begins the TTL anew":                     recordRenewed,
		"keep begins the TTL anew":                        recordKept,
		"a tombstone is forgotten":                        tombstoneForgotten,
		"a tombstone is forgotten before it is swept":     tombstoneUnswept,
		"a tombstone is kept as the last write said":      tombstoneOfLast,
		"what has ended makes room":                       endedMakesRoom,
		"what has ended makes room before it is swept":    unsweptMakesRoom,
		"hammer: a record expires once":                   hammerRecordExpiry,
		"hammer: records are written just as they expire": hammerRecordRenewal,
	})
}

func missingRecord(s *suite) {
	a, b := s.node("a"), s.node("b")
	b.write("other", "1")
	s.wantRecord([]*node{a, b}, "r", backplane.Version{}, "")
	for from, recovered := range map[backplane.Version]bool{{}: true, {Epoch: "x"}: false, {Number: 1}: false, {Epoch: "x", Number: 1}: false} {
		r, patches, ok := a.since("r", from)
		if ok != recovered || patches != nil || r.Version != (backplane.Version{}) || r.Value != nil || r.ID != "r" {
			s.Errorf("since %+v: %+v, %v, %v", from, r, patches, ok)
		}
	}
}

func countsVersions(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	for _, n := range nodes {
		n.subscribe(backplane.RecordOf, "r")
	}
	var epoch string
	for i, value := range []string{"one", "two", "three", "four"} {
		at := nodes[i%2].write("r", value)
		if i == 0 {
			epoch = at.Epoch
		}
		is(s.T, "version", at, backplane.Version{Epoch: epoch, Number: int64(i) + 1})
		s.wantRecord(nodes, "r", at, value)
		nodes[i%2].write("other", value)
	}
	is(s.T, "an epoch", epoch != "", true)
	for _, n := range nodes {
		s.wantTold(n.ID(), n.recordOf(s.T, "r", 4), "one by one", "two by two", "three by three", "four by four")
	}
}

func expectsVersion(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[0].subscribe(backplane.RecordOf, "r")
	nodes[0].write("r", "one")
	at := nodes[1].write("r", "two")
	for name, version := range map[string]backplane.Version{
		"none": {}, "the one before": {Epoch: at.Epoch, Number: 1}, "the next one": {Epoch: at.Epoch, Number: 3},
		"of another epoch": {Epoch: at.Epoch + "x", Number: 2}, "of no epoch": {Number: 2}, "before the first": {Epoch: at.Epoch},
	} {
		for i, value := range []string{"three", ""} {
			w := edit(backplane.Record{ID: "r", Version: version}, value)
			w.Keep = i == 0 && name == "none"
			versions, found, err := nodes[i].Records().Commit(context.Background(), []backplane.RecordWrite{w}, 1)
			if err != nil || versions != nil || len(found) != 1 || found[0].ID != "r" || found[0].Version != at || string(found[0].Value) != "two" {
				s.Errorf("%s: %v, found %+v, %v", name, versions, found, err)
			}
		}
	}
	_, found, err := nodes[0].Records().Commit(context.Background(), []backplane.RecordWrite{edit(backplane.Record{ID: "none", Version: at}, "x")}, 1)
	if err != nil || len(found) != 1 || found[0].Version != (backplane.Version{}) || found[0].Value != nil {
		s.Errorf("where there is no record: found %+v, %v", found, err)
	}
	s.wantRecord(nodes, "r", at, "two")
	nodes[0].write("r", "last")
	s.wantTold("told", nodes[0].recordOf(s.T, "r", 3), "one by one", "two by two", "last by last")
}

func writesSame(s *suite) {
	a := s.node("a")
	a.subscribe(backplane.RecordOf, "r")
	for i := range int64(3) {
		is(s.T, "number", a.write("r", "same").Number, i+1)
	}
	s.wantTold("told", a.recordOf(s.T, "r", 3), "same by same", "same by same", "same by same")
}

func keepsRecord(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.RecordOf, "r")
	at := nodes[0].write("r", "one")
	for i, n := range nodes {
		w := edit(backplane.Record{ID: "r", Version: at}, "not read")
		w.Keep, w.TTL = true, time.Duration(i)*time.Hour
		want(s.T, "versions", n.commit(w), []backplane.Version{at})
		w.ID, w.Expect = "missing", backplane.Version{}
		want(s.T, "versions", n.commit(w), []backplane.Version{{}})
		w.Expect = at
		want(s.T, "versions", n.commit(w), nil)
	}
	s.wantRecord(nodes, "r", at, "one")
	s.wantRecord(nodes, "missing", backplane.Version{}, "")
	want(s.T, "records", s.readAll(nodes[0].listRecords, 10), []string{"r"})
	nodes[0].write("r", "last")
	s.wantTold("told", nodes[1].recordOf(s.T, "r", 2), "one by one", "last by last")
	s.wantTold("wrote", s.wroteAll(nodes, "r", 2), "one by one", "last by last")
}

func deletesRecord(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	for _, n := range nodes {
		n.subscribe(backplane.RecordOf, "r")
	}
	first := nodes[0].write("r", "one")
	at := nodes[1].write("r", "")
	is(s.T, "version", at, backplane.Version{Epoch: first.Epoch, Number: 2})
	s.wantRecord(nodes, "r", at, "")
	want(s.T, "records", s.readAll(nodes[0].listRecords, 10), nil)
	want(s.T, "expecting none", nodes[0].commit(edit(backplane.Record{ID: "r"}, "x")), nil)
	at = nodes[0].write("r", "three")
	is(s.T, "version", at, backplane.Version{Epoch: first.Epoch, Number: 3})
	s.wantRecord(nodes, "r", at, "three")
	for _, n := range nodes {
		s.wantTold(n.ID(), n.recordOf(s.T, "r", 3), "one by one", "deleted by ", "three by three")
	}
}

func deletesMissing(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.RecordOf, "r")
	for i := range int64(2) {
		at := nodes[0].write("r", "")
		is(s.T, "number", at.Number, i+1)
		s.wantRecord(nodes, "r", at, "")
	}
	s.wantTold("told", nodes[1].recordOf(s.T, "r", 2), "deleted by ", "deleted by ")
}

// recordNames are ids that some store may take for something else.
var recordNames = slices.Concat(anyNames, []string{
	"cursor:1", "{a}:b", "a}{b", "a*", "a b ", "日本", "é", "e\u0301", strings.Repeat("x", 256), "a/b", "a.b", "a,b", "\"", "'", "\\", "%00", "0", "-1",
})

func anyRecords(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	for i, id := range recordNames {
		nodes[1].subscribe(backplane.RecordOf, id)
		nodes[i%2].write(id, "\x00\xff"+id)
		nodes[i%2].write(id, "\r\n"+id)
	}
	want(s.T, "records", s.readAll(nodes[0].listRecords, 7), slices.Sorted(slices.Values(recordNames)))
	for _, id := range recordNames {
		changes := nodes[1].recordOf(s.T, id, 2)
		s.wantTold(id, changes, "\x00\xff"+id+" by \x00\xff"+id, "\r\n"+id+" by \r\n"+id)
		s.wantRecord(nodes, id, changes[1].Version, "\r\n"+id)
		_, patches, ok := nodes[0].since(id, changes[0].Version)
		if !ok || len(patches) != 1 || string(patches[0].Patch) != string(changes[1].Patch) {
			s.Errorf("%q: patches %+v, %v", id, patches, ok)
		}
	}
	empty := edit(backplane.Record{ID: "empty"}, "")
	empty.Value = []byte{}
	nodes[0].commit(empty)
	if got := nodes[1].recordNow("empty"); got.Value == nil || len(got.Value) > 0 {
		s.Errorf("an empty value is %q, nil: %v", got.Value, got.Value == nil)
	}
}

func copiedRecords(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.RecordOf, "r")
	at := nodes[0].write("r", "one")
	read, _, _ := nodes[1].since("r", at)
	w := edit(read, "two")
	nodes[0].commit(w)
	changes := nodes[1].recordOf(s.T, "r", 2)
	clear(w.Value)
	clear(w.Patch)
	for _, n := range nodes {
		now, patches, _ := n.since("r", at)
		is(s.T, "value", string(now.Value), "two")
		is(s.T, "patch", string(patches[0].Patch), "one>two")
	}
	nodes[1].write("r", "six")
	is(s.T, "what was read", string(read.Value), "one")
	s.wantTold("told", changes, "one by one", "two by two")
}

func largeRecord(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.RecordOf, "r")
	value := strings.Repeat("0123456789abcdef", 1<<16)
	at := nodes[0].write("r", value)
	s.wantRecord(nodes, "r", at, value)
	is(s.T, "told", string(nodes[1].recordOf(s.T, "r", 1)[0].Value) == value, true)
}

func epochsDiffer(s *suite) {
	a := s.node("a")
	seen := make(map[string]bool)
	for _, id := range numbered("r", 50) {
		seen[a.write(id, "1").Epoch] = true
	}
	is(s.T, "epochs", len(seen), 50)
}

func allRecords(s *suite) {
	nodes := []*node{s.node("all"), s.node("both"), s.node("one")}
	writer := s.node("writer")
	for _, n := range nodes[:2] {
		n.subscribe(backplane.AllRecords, "")
		n.subscribe(backplane.AllRecords, "")
	}
	for _, n := range nodes[1:] {
		n.subscribe(backplane.RecordOf, "r")
		n.subscribe(backplane.RecordOf, "r")
	}
	for _, value := range []string{"one", "two", "three"} {
		writer.write("other", value)
		writer.write("r", value)
	}
	for _, n := range nodes {
		s.wantTold(n.ID(), n.recordOf(s.T, "r", 3), "one by one", "two by two", "three by three")
	}
	for _, n := range nodes[:2] {
		s.wantTold(n.ID(), n.recordOf(s.T, "other", 3), "one by one", "two by two", "three by three")
	}
	both := nodes[1]
	both.check("unsubscribe", both.Bus().Unsubscribe(context.Background(), backplane.Topic{Kind: backplane.AllRecords}))
	writer.write("r", "four")
	is(s.T, "told", len(both.recordOf(s.T, "r", 4)), 4)
	both.subscribe(backplane.AllRecords, "")
	both.check("unsubscribe", both.Bus().Unsubscribe(context.Background(), backplane.Topic{Kind: backplane.RecordOf, Name: "r"}))
	writer.write("r", "five")
	is(s.T, "told", len(both.recordOf(s.T, "r", 5)), 5)
}

func toldWriter(s *suite) {
	nodes := []*node{s.node("a"), s.node("b")}
	nodes[1].subscribe(backplane.AllRecords, "") // which changes nothing
	var wanted [2][]string
	for i, value := range []string{"one", "two", "", "four", "five"} {
		n := nodes[i/2%2]
		n.write("r", value)
		short := value + " by " + value
		if value == "" {
			short = "deleted by "
		}
		wanted[i/2%2] = append(wanted[i/2%2], short)
	}
	s.wantTold("wrote", s.wroteAll(nodes, "r", 5), "one by one", "two by two", "deleted by ", "four by four", "five by five")
	for i, n := range nodes {
		want(s.T, n.ID()+" wrote", told(n.wroteOf("r")), wanted[i])
	}
}
