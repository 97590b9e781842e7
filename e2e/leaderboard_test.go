//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const leaderboard = "leaderboard-assemblyscript.wasm"

// leaderboardSetup has the plugin with settings of its own, and users u0 to u9,
// whose tokens are their names.
func leaderboardSetup(settings string, more ...string) setup {
	users := "[plugins.auth.config.tokens]\n"
	for i := range 10 {
		users += fmt.Sprintf("u%d = \"u%d\"\n", i, i)
	}
	return setup{plugins: append(more, leaderboard, auth), config: users + "[plugins.leaderboard.config]\n" + settings}
}

// user connects as a user.
func (h *host) user(t *testing.T, name string) *client {
	t.Helper()
	return h.dial(t, dialing{query: "token=" + name, subprotocols: v1.subprotocols})
}

// ranking is a board's list as clients see it.
type ranking struct {
	Season  string
	Entries []struct {
		Player string
		User   bool
		Score  int
	}
}

func readRanking(t *testing.T, value json.RawMessage) (lines []string) {
	t.Helper()
	var r ranking
	if err := json.Unmarshal(value, &r); err != nil {
		t.Fatalf("%v in %s", err, value)
	}
	for _, e := range r.Entries {
		guest := ""
		if !e.User {
			guest = "?"
		}
		lines = append(lines, fmt.Sprintf("%s%s %d", e.Player, guest, e.Score))
	}
	return lines
}

// ranks waits until a board's list is so.
func (h *host) ranks(t *testing.T, board string, want ...string) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("the list of %s is %q", board, want), func() bool {
		return slices.Equal(readRanking(t, h.stored(t, "leaderboard:"+board).Value), want)
	})
}

func submission(board string, score int) string {
	return fmt.Sprintf(`{"board":%q,"score":%d}`, board, score)
}

// Twenty clients of ten users submit fifty scores each, all at once: none is lost,
// and those who watch see the list grow.
func TestLeaderboardOfMany(t *testing.T) {
	t.Parallel()
	const users, each = 10, 50
	sum, best := make([]int, users), make([]int, users)
	score := func(user, client, n int) int { return (user+1)*100 + (n*37+client*11)%100 }
	for user := range users {
		for n := range 2 * each {
			s := score(user, n/each, n%each)
			sum[user] += s
			best[user] = max(best[user], s)
		}
	}
	for count, totals := range map[string][]int{"sum": sum, "best": best} {
		t.Run(count, func(t *testing.T) {
			t.Parallel()
			h := start(t, leaderboardSetup(fmt.Sprintf("count = %q\nsubmits = 1000\ntop = 5\nseason = \"never\"\n", count)))
			watchers := []*client{h.dial(t, v1), h.dial(t, v1), h.dial(t, v1)}
			for i, w := range watchers {
				w.followsIn(t, []string{"full", "patch", "full"}[i], "leaderboard:points", 0)
			}
			var group sync.WaitGroup
			for i := range 2 * users {
				c := h.user(t, fmt.Sprint("u", i/2))
				group.Go(func() {
					for n := range each {
						if reply, err := c.ask("leaderboard.submit", submission("points", score(i/2, i%2, n))); err != nil {
							t.Errorf("submission %d of client %d: %s %v", n, i, reply, err)
						}
					}
				})
			}
			group.Wait()
			var want []string
			for user := users - 1; user >= users-5; user-- {
				want = append(want, fmt.Sprintf("u%d %d", user, totals[user]))
			}
			at := h.stored(t, "leaderboard:points")
			if got := readRanking(t, at.Value); !slices.Equal(got, want) {
				t.Errorf("the list is %q, want %q", got, want)
			}
			for _, w := range watchers {
				w.sawRise(t, at)
			}
		})
	}
}

// sawRise checks that a watcher has seen rising versions of a list up to the last.
func (c *client) sawRise(t *testing.T, last stored) {
	t.Helper()
	var pushes []recordPush
	eventually(t, patience, "the last version is seen", func() bool {
		pushes = c.records(t, 1)
		return pushes[len(pushes)-1].Version == last.Version
	})
	var value json.RawMessage
	before := int64(0)
	for _, p := range pushes {
		if p.Version <= before {
			t.Errorf("version %d is seen after %d", p.Version, before)
		}
		before = p.Version
		if p.Patch == nil {
			value = p.Full
			continue
		}
		var err error
		if value, err = applied(value, p.Patch); err != nil {
			t.Fatal(err)
		}
	}
	if canonical(value) != canonical(last.Value) {
		t.Errorf("a watcher sees %s, not %s", value, last.Value)
	}
}

// wins has a user win a game against another one.
func (c *client) wins(t *testing.T, against *client, name string) {
	t.Helper()
	c.plays(t, "game.create", object("game", name))
	against.plays(t, "game.join", object("game", name))
	for i, cell := range []int{0, 3, 1, 4, 2} {
		[]*client{c, against}[i%2].plays(t, "game.move", fmt.Sprintf(`{"game":%q,"cell":%d}`, name, cell))
	}
}

// A game that is won is a point for the winner, once.
func TestLeaderboardOfGames(t *testing.T) {
	t.Parallel()
	h := start(t, leaderboardSetup("season = \"week\"\n", game))
	ann, bob, watcher := h.user(t, "u1"), h.user(t, "u2"), h.dial(t, v1)
	watcher.followsIn(t, "full", "leaderboard:games", 0)
	ann.wins(t, bob, "g")
	h.ranks(t, "games", "u1 1")

	// The game that is over gets a further version; then there is another one of
	// that name, and one that a guest wins.
	over := string(h.stored(t, "game:g").Value)
	h.set(t, "game:g", strings.Replace(over, `"turn":1`, `"turn":0`, 1))
	h.op(t, "records.delete", object("recordId", "game:g"))
	bob.wins(t, ann, "g")
	h.ranks(t, "games", "u1 1", "u2 1")
	guest := h.dial(t, v1)
	h.op(t, "connections.metadata.set", fmt.Sprintf(`{"connectionId":%q,"metadata":{"name":"u1"}}`, guest.id))
	guest.wins(t, bob, "h")
	h.ranks(t, "games", "u1 1", "u2 1", "u1? 1")
	h.dial(t, v1).wins(t, bob, "nobody has a name here")
	bob.wins(t, ann, "i")
	h.ranks(t, "games", "u2 2", "u1 1", "u1? 1")
	rest(200 * time.Millisecond) // in which a point would have been counted twice
	if pushes := watcher.records(t, 4); len(pushes) != 4 {
		t.Errorf("four points are %d versions", len(pushes))
	}
	bob.denied(t, "leaderboard.submit", submission("games", 5), "EDENIED", "games that are won")
	bob.denied(t, "mesh/publish-record-update", recordWrite("leaderboard:games", `{}`), "ESERVER", "not writable")
}

// Each connection submits only so often, on whatever node, and again later.
func TestLeaderboardLimit(t *testing.T) {
	t.Parallel()
	h := start(t, leaderboardSetup("submits = 3\nsubmit_seconds = 2\n"))
	a, b := h.user(t, "u1"), h.user(t, "u1")
	for range 3 {
		a.call(t, "leaderboard.submit", submission("points", 1))
	}
	a.denied(t, "leaderboard.submit", submission("points", 2), "ERATELIMIT", "At most 3 scores in 2 s.")
	b.says(t, "leaderboard.submit", submission("points", 3), `{"score":3,"rank":1}`)
	a.says(t, "leaderboard.score", `{"board":"points"}`, `{"score":3,"rank":1}`)
	eventually(t, patience, "it may again", func() bool {
		_, err := a.ask("leaderboard.submit", submission("points", 4))
		return err == nil
	})
	h.ranks(t, "points", "u1 4")
}

// A list of an earlier season is kept aside when the first one scores in a new one.
func TestLeaderboardSeason(t *testing.T) {
	t.Parallel()
	h := start(t, leaderboardSetup("boards = [\"race\"]\n"))
	before := `{"season":"day","since":0,"entries":[{"player":"u9","user":true,"score":99}]}`
	h.set(t, "leaderboard:race", before)
	c := h.user(t, "u1")
	c.says(t, "leaderboard.submit", submission("race", 5), `{"score":5,"rank":1}`)
	h.ranks(t, "race", "u1 5")
	if kept := h.stored(t, "lastseason:race").Value; canonical(kept) != canonical([]byte(before)) {
		t.Errorf("kept is %s", kept)
	}
	c.denied(t, "leaderboard.submit", submission("points", 5), "ENOTFOUND", "no such board")
	h.dial(t, v1).denied(t, "leaderboard.submit", submission("race", 5), "EDENIED", "Choose a name")
}
