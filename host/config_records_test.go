package host_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host"
)

// checkProblems wants Validate to find exactly these.
func checkProblems(t *testing.T, c host.Config, want ...string) {
	t.Helper()
	if got := problemsOf(t, c); !slices.Equal(got, want) {
		t.Errorf("Validate() =\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestValidateRecords(t *testing.T) {
	t.Parallel()
	type list = []host.RecordConfig
	for _, tt := range []struct {
		name    string
		records list
		want    []string
	}{
		{"readable", list{{Pattern: "a"}}, nil},
		{"all of it", list{{Pattern: "/^a:.+$/", Guard: "p.read", Writable: true, WriteGuard: "p.write", TTL: time.Second, SlowConsumer: host.SlowConflate}}, nil},
		{"the longest TTL", list{{Pattern: "a", TTL: 87_600 * time.Hour}}, nil},

		{"no pattern", list{{}}, []string{`records[0].pattern: it is missing: a name, or an expression between slashes such as "/^chat:.+$/"`}},
		{"broken pattern", list{{Pattern: "/a(/"}}, []string{"records[0].pattern: \"/a(/\" is no pattern: error parsing regexp: missing closing ): `a(`"}},
		{"guard", list{{Pattern: "a", Guard: "read"}}, []string{`records[0].guard: "read" is no guard: write "<plugin>.<guard>"`}},
		{"write guard", list{{Pattern: "a", Writable: true, WriteGuard: "write"}}, []string{`records[0].write_guard: "write" is no guard: write "<plugin>.<guard>"`}},
		{"guard of no writing", list{{Pattern: "a", WriteGuard: "p.write"}}, []string{"records[0].write_guard: it has nothing to guard: writable is not true"}},
		{"TTL short", list{{Pattern: "a", TTL: time.Millisecond}}, []string{"records[0].ttl: 1ms is too short: at least 1s, or 0"}},
		{"TTL negative", list{{Pattern: "a", TTL: -time.Second}}, []string{"records[0].ttl: -1s is too short: at least 1s, or 0"}},
		{"TTL long", list{{Pattern: "a", TTL: 87_601 * time.Hour}}, []string{"records[0].ttl: 87601h0m0s is too long: at most 87600h"}},
		{"slow consumer", list{{Pattern: "a", SlowConsumer: "wait"}}, []string{`records[0].slow_consumer: "wait" is not known: one of "disconnect", "drop", "conflate"`}},

		{"read and write apart", list{{Pattern: "a", Guard: "p.read"}, {Pattern: "a", Writable: true}}, nil},
		{"write and read apart", list{{Pattern: "a", Writable: true, WriteGuard: "p.write"}, {Pattern: "a"}}, nil},
		{"read twice", list{{Pattern: "b"}, {Pattern: "a"}, {Pattern: "a", Guard: "p.read"}}, []string{`records[2].pattern: who may read "a" is said by records[1] already`}},
		{"write twice", list{{Pattern: "a", Writable: true}, {Pattern: "a", Writable: true}}, []string{`records[1].pattern: who may write "a" is said by records[0] already`}},
		{"both twice", list{{Pattern: "a", Writable: true, Guard: "p.read"}, {Pattern: "a", Writable: true, Guard: "p.read"}}, []string{`records[1].pattern: who may read "a" is said by records[0] already`}},
		{"both after read", list{{Pattern: "a"}, {Pattern: "a", Writable: true, Guard: "p.read"}}, []string{`records[1].pattern: who may read "a" is said by records[0] already`}},
		{"both after write", list{{Pattern: "a", Writable: true}, {Pattern: "a", Writable: true, Guard: "p.read"}}, []string{`records[1].pattern: who may write "a" is said by records[0] already`}},
		{"read and write, then each", list{{Pattern: "a"}, {Pattern: "a", Writable: true}, {Pattern: "a"}, {Pattern: "a", Writable: true}}, []string{
			`records[2].pattern: who may read "a" is said by records[0] already`,
			`records[3].pattern: who may write "a" is said by records[1] already`,
		}},

		{"one TTL", list{{Pattern: "a", TTL: time.Hour}, {Pattern: "a", Writable: true}}, nil},
		{"one TTL twice", list{{Pattern: "a", TTL: time.Hour}, {Pattern: "a", Writable: true, TTL: time.Hour}}, nil},
		{"two TTLs", list{{Pattern: "a", TTL: time.Hour}, {Pattern: "a", Writable: true, TTL: time.Minute}}, []string{"records[1].ttl: records[0] has the same pattern and decides: say it there"}},
		{"a TTL too late", list{{Pattern: "a", Writable: true}, {Pattern: "a", TTL: time.Minute}}, []string{"records[1].ttl: records[0] has the same pattern and decides: say it there"}},
		{"one policy twice", list{{Pattern: "a"}, {Pattern: "a", Writable: true, SlowConsumer: host.SlowDisconnect}}, nil},
		{"two policies", list{{Pattern: "a"}, {Pattern: "a", Writable: true, SlowConsumer: host.SlowDrop}}, []string{"records[1].slow_consumer: records[0] has the same pattern and decides: say it there"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			c.Records = tt.records
			checkProblems(t, c, tt.want...)
		})
	}
}

func TestValidateCollections(t *testing.T) {
	t.Parallel()
	const pattern = `/^cards:(?P<board>[^:]+):(.+)$/`
	change := func(change func(*host.CollectionConfig)) []host.CollectionConfig {
		c := host.CollectionConfig{Pattern: pattern, Records: host.PatternList{"/^card:.+$/"}}
		change(&c)
		return []host.CollectionConfig{c}
	}
	filter := func(path, value string) []host.CollectionConfig {
		return change(func(c *host.CollectionConfig) { c.Filter = host.Filter{path: json.RawMessage(value)} })
	}
	order := func(sort string) []host.CollectionConfig {
		return change(func(c *host.CollectionConfig) { c.Sort = sort })
	}
	limit := func(n int) []host.CollectionConfig {
		return change(func(c *host.CollectionConfig) { c.Limit = n })
	}
	records := func(patterns ...string) []host.CollectionConfig {
		return change(func(c *host.CollectionConfig) { c.Records = patterns })
	}
	conditions := host.Filter{}
	for i := range 17 {
		conditions[fmt.Sprintf("m%d", i)] = json.RawMessage("1")
	}
	const noGroup = `: the pattern has no such group; it has 2`
	const emptyName = "a path is names of members with dots between them; one is empty"
	for _, tt := range []struct {
		name        string
		collections []host.CollectionConfig
		want        []string
	}{
		{"the least", change(func(*host.CollectionConfig) {}), nil},
		{"all of it", change(func(c *host.CollectionConfig) {
			c.Guard, c.Sort, c.Limit = "p.guard", "-place.updatedAt", 1000
			c.Filter = host.Filter{"open": json.RawMessage("true"), "place.Board": json.RawMessage(` ["${board}", "$1-$2", "$$5", 1.0, null] `)}
		}), nil},

		{"no pattern", change(func(c *host.CollectionConfig) { c.Pattern = "" }), []string{`collections[0].pattern: it is missing: a name, or an expression between slashes such as "/^chat:.+$/"`}},
		{"broken pattern", change(func(c *host.CollectionConfig) { c.Pattern, c.Filter = "/(/", host.Filter{"a": json.RawMessage(`"$1"`)} }), []string{"collections[0].pattern: \"/(/\" is no pattern: error parsing regexp: missing closing ): `(`"}},
		{"twice", append(limit(1), limit(2)...), []string{`collections[1].pattern: "/^cards:(?P<board>[^:]+):(.+)$/" is the pattern of collections[0] already, which decides`}},
		{"guard", change(func(c *host.CollectionConfig) { c.Guard = "guard" }), []string{`collections[0].guard: "guard" is no guard: write "<plugin>.<guard>"`}},

		{"two patterns of records", records("a", "/b/"), nil},
		{"no records", records(), []string{"collections[0].records: it is missing: a pattern of records, or a list of them"}},
		{"empty records", records(""), []string{`collections[0].records: it is missing: a name, or an expression between slashes such as "/^chat:.+$/"`}},
		{"broken records", records("a", "/a(/"), []string{"collections[0].records: \"/a(/\" is no pattern: error parsing regexp: missing closing ): `a(`"}},
		{"records twice", records("a", "b", "a"), []string{`collections[0].records: "a" is listed twice`}},

		{"group by name", filter("a", `"$board"`), nil},
		{"whole name", filter("a", `"$0"`), nil},
		{"no such number", filter("a", `"$3"`), []string{`collections[0].filter: "a": $3` + noGroup}},
		{"no such name", filter("a.B", `["x", "${team}"]`), []string{`collections[0].filter: "a.B": $team` + noGroup}},
		{"no name", filter("a", `"5 $"`), []string{`collections[0].filter: "a": $ stands before the number or the name of a group, $1 or ${team}; $$ is a dollar sign`}},
		{"group of a name", change(func(c *host.CollectionConfig) {
			c.Pattern, c.Filter = "cards", host.Filter{"a": json.RawMessage(`"$1"`)}
		}), []string{`collections[0].filter: "a": $1: the pattern has no such group; it has 0`}},
		{"no path", filter("", "1"), []string{`collections[0].filter: "": ` + emptyName}},
		{"path with a gap", filter("a..b", "1"), []string{`collections[0].filter: "a..b": ` + emptyName}},
		{"name with a dot", filter(`a\.b`, "1"), nil},
		{"name with a backslash", filter(`a\b`, "1"), []string{`collections[0].filter: "a\\b": in a path a backslash stands before a dot, a minus or a backslash`}},
		{"long path", filter(strings.Repeat("a", 257), "1"), []string{`collections[0].filter: "` + strings.Repeat("a", 256) + `": a path has at most 256 bytes, this one has 257`}},
		{"object", filter("a", `{"b":1}`), []string{`collections[0].filter: "a": a value is a string, a number, true, false or null`}},
		{"no JSON", filter("a", `open`), []string{`collections[0].filter: "a": the value is not JSON`}},
		{"nothing", filter("a", ``), []string{`collections[0].filter: "a": the value is not JSON`}},
		{"no values", filter("a", `[]`), []string{`collections[0].filter: "a": a list of values has 1 to 100 of them`}},
		{"long value", filter("a", `"`+strings.Repeat("x", 1023)+`"`), []string{`collections[0].filter: "a": a value has at most 1024 bytes, this one has 1025`}},
		{"many conditions", change(func(c *host.CollectionConfig) { c.Filter = conditions }), []string{"collections[0].filter: it has 17 conditions: at most 16"}},
		{"two bad conditions", change(func(c *host.CollectionConfig) {
			c.Filter = host.Filter{"b": json.RawMessage(`"$3"`), "a": json.RawMessage(`[]`), "c": json.RawMessage("1")}
		}), []string{`collections[0].filter: "a": a list of values has 1 to 100 of them`, `collections[0].filter: "b": $3` + noGroup}},

		{"by a member", order("updatedAt"), nil},
		{"turned round", order("-a.B"), nil},
		{"by id, turned round", order("-"), nil},
		{"no order", order("a..b"), []string{`collections[0].sort: "a..b" is no order: ` + emptyName}},
		{"no order, turned round", order("-."), []string{`collections[0].sort: "-." is no order: ` + emptyName}},
		{"limit", limit(1000), nil},
		{"limit negative", limit(-1), []string{"collections[0].limit: -1 is too small: at least 0"}},
		{"limit large", limit(1001), []string{"collections[0].limit: 1001 is too large: at most 1000"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := host.Default()
			c.Collections = tt.collections
			checkProblems(t, c, tt.want...)
		})
	}
}
