package redis_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	goredis "github.com/redis/go-redis/v9"

	"github.com/mesh-host/mesh-host/host/backplane"
	"github.com/mesh-host/mesh-host/host/backplane/redis"
	"github.com/mesh-host/mesh-host/host/backplane/redis/redistest"
)

var update = flag.Bool("update", false, "write outside/publish.lua anew")

// outsideFile is the script that other programs publish with.
const outsideFile = "outside/publish.lua"

const outsideHead = `-- Publishes a message on a channel of mesh-host, with history, from any program.
-- It is what mesh-host itself runs, put together by its tests; see docs/REDIS.md.
--
--   EVAL <this text> 1 <base> <channel> <text> <count> <milliseconds> <random> text
--
-- base: redis.prefix, "mesh:"; on a Cluster followed by the tag of the channel.
-- text: the message, UTF-8, at most 4 MiB; clients get it as a string.
-- count: how many messages the channel shall keep at least, and for how long.
-- random: any text that is another one each time.
-- "text": as it is; says that the message is not a JSON string yet.
--
-- Answers with epoch and offset. On a Cluster the next line is to say 'SPUBLISH'.
`

func outsideScript(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(outsideFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The script for other programs is the one that nodes run.
func TestOutsideScriptIsOurs(t *testing.T) {
	t.Parallel()
	want := outsideHead + redis.PublishText()
	if *update {
		if err := os.WriteFile(outsideFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if outsideScript(t) != want {
		t.Errorf("%s is not what nodes run: go test -run OutsideScriptIsOurs -update writes it", outsideFile)
	}
}

func TestOutsidePublish(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	e := new(ear)
	n.Attach(e)
	h := redis.NewChannelHandler(n, "c")
	if err := h.Begin(bg); err != nil {
		t.Fatal(err)
	}
	script := goredis.NewScript(outsideScript(t))
	run := func(args ...any) ([]any, error) { return script.Run(bg, client, []string{"mesh:"}, args...).Slice() }
	frames := client.Subscribe(bg, "mesh:channel:c")
	defer frames.Close()
	if _, err := frames.Receive(bg); err != nil {
		t.Fatal(err)
	}
	texts := []string{"hello", `{"a":"ä/\"<"}`, "", "\x00\x01\x1f\x7f", "\u2028\U0001f600", strings.Repeat("ä", 1<<20)}
	for i, text := range texts {
		at, err := run("c", text, 100, 60_000, i, "text")
		if err != nil || len(at) != 2 || at[1] != int64(i+1) {
			t.Fatalf("%.20q is at %v: %v", text, at, err)
		}
		m, err := frames.ReceiveMessage(bg)
		if err != nil {
			t.Fatal(err)
		}
		h.Deliver(m.Payload)
	}
	page, err := n.Channels().Read(bg, "c", backplane.Query{})
	if err != nil || len(page.Messages) != len(texts) {
		t.Fatalf("%d are kept: %v", len(page.Messages), err)
	}
	for i, m := range page.Messages {
		var got string
		if json.Unmarshal(m.Data, &got) != nil || got != texts[i] {
			t.Errorf("%.20q is kept as %.40q", texts[i], m.Data)
		}
		if heard := e.messages[i]; string(heard.Data) != string(m.Data) || heard.Position != m.Position || heard.Time != m.Time {
			t.Errorf("%.20q was heard as %.40q at %+v", texts[i], heard.Data, heard.Position)
		}
	}
	for name, args := range map[string][]any{
		"no UTF-8":        {"c", "\xff", 1, 1000, "x", "text"},
		"too large":       {"c", strings.Repeat("x", 4<<20+1), 1, 1000, "x", "text"},
		"no count":        {"c", "x", "many", 1000, "x", "text"},
		"a broken count":  {"c", "x", "1.5", 1000, "x", "text"},
		"less than none":  {"c", "x", -1, 1000, "x", "text"},
		"no time":         {"c", "x", 1, 0, "x", "text"},
		"too long a time": {"c", "x", 1, "99999999999999", "x", "text"},
		"too little":      {"c", "x"},
	} {
		if at, err := run(args...); err == nil || !strings.HasPrefix(err.Error(), "MESH ") {
			t.Errorf("%s: %v, %v", name, at, err)
		}
	}
	if _, err := run("d", "x", 0, 0, "x", "text"); !errors.Is(err, goredis.Nil) || client.Exists(bg, "mesh:channel:d").Val() != 0 {
		t.Errorf("a message that is not kept: %v", err)
	}
}

// The script knows UTF-8 as Go does.
func TestOutsideUTF8(t *testing.T) {
	t.Parallel()
	_, client := openAt(t, redistest.Start(t))
	script := goredis.NewScript(outsideScript(t))
	edges := []byte{0, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff}
	pipe := client.Pipeline()
	if err := script.Load(bg, client).Err(); err != nil {
		t.Fatal(err)
	}
	texts := make([]string, 20_000)
	for i := range texts {
		b := make([]byte, rand.IntN(6))
		for j := range b {
			b[j] = edges[rand.IntN(len(edges))]
		}
		texts[i] = string(b)
		script.EvalSha(bg, pipe, []string{"mesh:"}, "c", texts[i], 0, 0, "x", "text")
	}
	answers, _ := pipe.Exec(bg)
	valid := 0
	for i, answer := range answers {
		refused := answer.Err() != nil && strings.Contains(answer.Err().Error(), "MESH UTF8")
		if refused == utf8.ValidString(texts[i]) {
			t.Errorf("%q: %v", texts[i], answer.Err())
		}
		if !refused {
			valid++
		}
	}
	if valid == 0 || valid == len(texts) {
		t.Errorf("%d of %d are valid", valid, len(texts))
	}
}

// The documents have the tags, and Redis the same slots.
func TestTags(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	for i := range redis.SpreadShards {
		if i%8 == 0 {
			fmt.Fprintf(&table, "| %d – %d |", i, i+7)
		}
		fmt.Fprintf(&table, " %s |", redis.TagFor(i, redis.SpreadShards))
		if i%8 == 7 {
			table.WriteString("\n")
		}
	}
	docs, err := os.ReadFile("../../../docs/REDIS.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(docs), table.String()) {
		t.Errorf("docs/REDIS.md has not the tags:\n%s", table.String())
	}
	s := redistest.Start(t, "--cluster-enabled", "yes")
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr})
	defer client.Close()
	names := []string{"", "c", "chat:lobby", "{x}", "a{x}b", "{}", "{}x{y}", "{{a}}", "ä", "\x00\xff"}
	for i := range redis.SpreadShards {
		names = append(names, redis.TagFor(i, redis.SpreadShards), "room "+strconv.Itoa(i))
	}
	for _, name := range names {
		if slot := client.ClusterKeySlot(bg, name).Val(); slot != int64(redis.HashSlot(name)) {
			t.Errorf("the slot of %q is %d for us, %d for Redis", name, redis.HashSlot(name), slot)
		}
	}
}

// A plain PUBLISH reaches those who have subscribed.
func TestOutsidePlain(t *testing.T) {
	t.Parallel()
	n, client := openAt(t, redistest.Start(t))
	e := new(ear)
	n.Attach(e)
	if err := n.Bus().Subscribe(bg, backplane.Topic{Kind: backplane.Channel, Name: "chat:lobby"}); err != nil {
		t.Fatal(err)
	}
	if heard := client.Publish(bg, "mesh:channel:chat:lobby", "hello").Val(); heard != 1 {
		t.Errorf("%d nodes hear it", heard)
	}
	deadline := time.Now().Add(10 * time.Second)
	for done := false; !done && time.Now().Before(deadline); {
		e.mu.Lock()
		done = len(e.messages) > 0
		e.mu.Unlock()
		<-time.After(time.Millisecond)
	}
	if len(e.messages) != 1 || string(e.messages[0].Data) != `"hello"` || e.messages[0].Position != (backplane.Position{}) {
		t.Errorf("heard %v", e.messages)
	}
}

// Every key and channel that a script names is in the documents.
func TestDocumentedKeys(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile("../../../docs/REDIS.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:base \.\. |publish\()'([a-z-]+:?)'`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range named.FindAllSubmatch(text, -1) {
			name := string(match[1])
			if !strings.Contains(string(docs), "| `"+name) || !strings.HasSuffix(name, ":") && !strings.Contains(string(docs), "| `"+name+"` |") {
				t.Errorf("docs/REDIS.md does not say what %s is, which %s uses", name, file)
			}
		}
	}
}
