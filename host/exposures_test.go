package host

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/mesh-host/mesh-host/host/exposure"
	"github.com/mesh-host/mesh-host/host/hub"
)

// What the configuration says is what the server uses.
func TestRecordsAndCollectionsAreExposed(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Records = []RecordConfig{
		{Pattern: "/^card:.+$/", Guard: "p.read", Writable: true, WriteGuard: "p.write", TTL: time.Hour, SlowConsumer: SlowConflate},
		{Pattern: "news"},
	}
	c.Collections = []CollectionConfig{
		{
			Pattern: "/^cards:(.+)$/", Guard: "p.see", Records: PatternList{"/^card:.+$/", "news"}, Limit: 7, Sort: "-place.Board",
			Filter: Filter{"b.Open": json.RawMessage("true"), "a": json.RawMessage(`["$1", 1.50]`)},
		},
		{Pattern: "all", Records: PatternList{"/.+/"}},
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	want := exposure.Set{
		Records: []exposure.Record{
			{
				Pattern: pattern("/^card:.+$/"), Guard: "p.read", Writable: true, WriteGuard: "p.write",
				TTL: time.Hour, SlowConsumer: hub.Conflate, Source: "config",
			},
			{Pattern: pattern("news"), Source: "config"},
		},
		Collections: []exposure.Collection{
			{
				Pattern: pattern("/^cards:(.+)$/"), Guard: "p.see", Records: []exposure.Pattern{pattern("/^card:.+$/"), pattern("news")},
				Filter: []exposure.Condition{
					{Path: []string{"a"}, Values: [][]byte{[]byte(`"$1"`), []byte("1.50")}},
					{Path: []string{"b", "Open"}, Values: [][]byte{[]byte("true")}},
				},
				Sort: exposure.Sort{Path: []string{"place", "Board"}, Descending: true}, Limit: 7, Source: "config",
			},
			{Pattern: pattern("all"), Records: []exposure.Pattern{pattern("/.+/")}, Limit: exposure.DefaultCollection, Source: "config"},
		},
	}
	if got := c.exposed(); !reflect.DeepEqual(got, want) {
		t.Errorf("exposed() =\n%+v, want\n%+v", got, want)
	}
	for _, x := range want.Collections {
		if err := x.Check(); err != nil {
			t.Errorf("%s: %v", x.Pattern, err)
		}
	}
}
