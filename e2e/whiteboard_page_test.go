//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// sketches opens the page and goes to a board.
func (p *page) sketches(t *testing.T, h *host, query, name, board string) {
	t.Helper()
	p.do(t, chromedp.Navigate("http://"+h.address+"/"+query+"#"+board), chromedp.WaitVisible(chromedp.CSS("#knock")))
	p.goes(t, name, board)
}

// goes goes to a board, by the page's door.
func (p *page) goes(t *testing.T, name, board string) {
	t.Helper()
	const fill = `document.getElementById("name").value = %q; document.getElementById("board").value = %q; true`
	ask(t, p, chromedp.Evaluate[bool](fmt.Sprintf(fill, name, board)))
	p.clicks(t, "#enter")
	p.shows(t, "#title", "^"+board+"$")
}

// pointer moves the mouse over places of the board, with the button down where
// there are several.
func (p *page) pointer(t *testing.T, places ...[2]float64) {
	t.Helper()
	box := ask(t, p, chromedp.Evaluate[[]float64](`(() => { const b = document.getElementById("canvas").getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; })()`))
	for i, place := range places {
		x, y := box[0]+place[0]*box[2]/1600, box[1]+place[1]*box[3]/1000
		switch {
		case len(places) == 1:
			p.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y))
		case i == 0:
			p.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y), chromedp.MouseEvent(chromedp.MousePressed, x, y, chromedp.ButtonLeft))
		default:
			p.do(t, chromedp.MouseEvent(chromedp.MouseMoved, x, y, chromedp.ButtonLeft))
		}
		if i > 0 && i == len(places)-1 {
			p.do(t, chromedp.MouseEvent(chromedp.MouseReleased, x, y, chromedp.ButtonLeft))
		}
	}
}

// seesCursors waits until the page shows exactly the cursors of these people.
func (p *page) seesCursors(t *testing.T, people string) {
	t.Helper()
	const names = `Array.from(document.querySelectorAll("#cursors span"), s => s.textContent).sort().join(", ")`
	seen := ""
	if !polled(patience, func() bool { seen = ask(t, p, chromedp.Evaluate[string](names)); return seen == people }) {
		t.Fatalf("the page shows the cursors of %q, not %q", seen, people)
	}
}

// seesCursorAt waits until the page shows someone's cursor at a place.
func (p *page) seesCursorAt(t *testing.T, name string, x, y float64) {
	t.Helper()
	const where = `(() => {
		const cursor = Array.from(document.querySelectorAll("#cursors div")).find(d => d.textContent === %q);
		if (!cursor) return [-1, -1];
		const a = cursor.getBoundingClientRect(), b = document.getElementById("canvas").getBoundingClientRect();
		return [(a.left - b.left) / b.width * 1600, (a.top - b.top) / b.height * 1000];
	})()`
	var seen []float64
	if !polled(patience, func() bool {
		seen = ask(t, p, chromedp.Evaluate[[]float64](fmt.Sprintf(where, name)))
		return math.Abs(seen[0]-x) < 6 && math.Abs(seen[1]-y) < 6
	}) {
		t.Fatalf("the page shows %s's cursor at %v, not at %v, %v", name, seen, x, y)
	}
}

// inked waits until there is ink at a place of the board, or none.
func (p *page) inked(t *testing.T, x, y int, want bool) {
	t.Helper()
	const ink = `(() => {
		const from = document.getElementById("canvas"), to = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
		if (!from.width) return false; // not drawn yet
		to.drawImage(from, %d * from.width / 1600, %d * from.height / 1000, 1, 1, 0, 0, 1, 1);
		return to.getImageData(0, 0, 1, 1).data[3] > 0;
	})()`
	if !polled(patience, func() bool { return ask(t, p, chromedp.Evaluate[bool](fmt.Sprintf(ink, x, y))) == want }) {
		t.Fatalf("ink at %d, %d: not %t", x, y, want)
	}
}

// offers waits until the list has exactly these boards, each with as many items
// as there are on it.
func (p *page) offers(t *testing.T, h *host, boards ...string) {
	t.Helper()
	const names = `Array.from(document.querySelectorAll("#boards button"), b => b.dataset.board + " " + b.lastChild.textContent)`
	var seen, want []string
	if !polled(patience, func() bool {
		want = nil
		for _, board := range boards {
			items, err := recordMembers(h.stored(t, "board:"+board).Value)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprint(board, " ", len(items)))
		}
		seen = ask(t, p, chromedp.Evaluate[[]string](names))
		return slices.Equal(seen, want)
	}) {
		t.Fatalf("the page lists %q, not %q", seen, want)
	}
}

func (p *page) clicks(t *testing.T, selector string) {
	t.Helper()
	p.do(t, chromedp.Click(chromedp.CSS(selector)))
}

func TestWhiteboardPage(t *testing.T) {
	h := start(t, whiteboardSetup(t, whiteboard, ""))
	ann, bob := browse(t), browse(t)
	bob.do(t, chromedp.EmulateViewport(400, 800))
	ann.sketches(t, h, "?token=right", "whoever", "garden") // she is ann, by her token
	ann.pointer(t, [2]float64{100, 100})
	bob.sketches(t, h, "", "Bob", "garden")

	// Two windows, of different sizes, see each other's cursors.
	bob.seesCursors(t, "ann")
	bob.seesCursorAt(t, "ann", 100, 100)
	for _, place := range [][2]float64{{40, 40}, {1200, 300}, {800, 900}} {
		ann.pointer(t, place)
		bob.seesCursorAt(t, "ann", place[0], place[1])
		bob.pointer(t, [2]float64{place[1], 500})
		ann.seesCursorAt(t, "Bob", place[1], 500)
	}
	ann.shows(t, "#people", `^with Bob$`)
	bob.shows(t, "#people", `^with ann$`)

	// And what they draw, by hand or by keys, and write.
	ann.clicks(t, `[value="red"]`)
	ann.do(t, chromedp.SetValue(chromedp.CSS(`[name="width"]`), "40"))
	ann.pointer(t, [2]float64{200, 200}, [2]float64{400, 200}, [2]float64{400, 600})
	for _, p := range []*page{ann, bob} {
		p.inked(t, 300, 200, true)
		p.inked(t, 400, 400, true)
		p.inked(t, 300, 400, false)
	}
	bob.do(t, chromedp.SetValue(chromedp.CSS(`[name="width"]`), "40"))
	bob.pointer(t, [2]float64{1000, 500})
	bob.do(t, chromedp.SendKeys(chromedp.CSS("#canvas"), " "+strings.Repeat(kb.ArrowRight, 6)+" "))
	ann.inked(t, 1040, 500, true)
	bob.do(t, chromedp.SendKeys(chromedp.CSS("#note"), "Is <b>this</b> right?\r"))
	ann.shows(t, "#notes", `^Is <b>this</b> right\?$`)
	ann.offers(t, h, "garden")
	bob.offers(t, h, "garden")
	ann.screenshot(t, "whiteboard.png")
	bob.screenshot(t, "whiteboard-bob.png")

	// One undoes one's own; another board is another one.
	ann.clicks(t, "#undo")
	for _, p := range []*page{ann, bob} {
		p.inked(t, 300, 200, false)
		p.inked(t, 1040, 500, true)
	}
	bob.clicks(t, "#leave")
	ann.seesCursors(t, "")
	bob.goes(t, "Bob", "shed")
	ann.offers(t, h, "garden", "shed")
	bob.inked(t, 1040, 500, false)
	ann.clicks(t, `[data-board="shed"]`)
	ann.shows(t, "#title", "^shed$")
	ann.pointer(t, [2]float64{700, 700})
	bob.seesCursorAt(t, "ann", 700, 700)

	// Only who has made it closes it, and all are sent out.
	ann.clicks(t, "#close")
	ann.clicks(t, "#close")
	ann.shows(t, "#problem", `^Bob has made this board, and is still here\.$`)
	bob.clicks(t, "#close")
	bob.shows(t, "#close", `^Close it for all\?$`)
	bob.clicks(t, "#close")
	bob.shows(t, "#refusal", `^This board has been closed\.$`)
	ann.shows(t, "#refusal", `^This board has been closed\.$`)
	ann.offers(t, h, "garden")
	ann.screenshot(t, "whiteboard-door.png")
	ann.clicks(t, `[data-board="garden"]`)
	ann.inked(t, 1040, 500, true)
	ann.clicks(t, "#clear")
	ann.clicks(t, "#clear")
	ann.inked(t, 1040, 500, false)
	ann.offers(t, h, "garden")
}

// watchState notes whether the page has said meanwhile that it connects.
const watchState = `(() => {
	const state = document.getElementById("state");
	window.wentDown = false;
	new MutationObserver(() => { window.wentDown ||= state.textContent === "connecting…"; }).observe(state, { childList: true });
	return true;
})()`

// A page that loses its connection, or whose server is started anew, goes on from
// where it was, and what was drawn on it meanwhile arrives.
func TestWhiteboardPageComesBack(t *testing.T) {
	s := whiteboardSetup(t, whiteboard, "")
	s.args = []string{"--store", t.TempDir()}
	h := start(t, s)
	p := browse(t)
	p.sketches(t, h, "", "Bob", "garden")
	p.do(t, chromedp.SetValue(chromedp.CSS(`[name="width"]`), "40"))
	for round := range 4 {
		y := 100 + 200*round
		ask(t, p, chromedp.Evaluate[bool](watchState)) // it may be back in no time
		if round < 3 {
			var all struct {
				Connections []struct{ ConnectionID string }
			}
			if err := json.Unmarshal([]byte(h.op(t, "connections.list", "{}")), &all); err != nil {
				t.Fatal(err)
			}
			for _, c := range all.Connections {
				h.op(t, "connections.disconnect", fmt.Sprintf(`{"connectionId":%q,"code":4100}`, c.ConnectionID))
			}
		} else {
			s.args = append(s.args, "--listen", h.address)
			h.signal(t, syscall.SIGTERM)
			h.wait(t, patience)
		}
		eventually(t, patience, "the page says that it connects", func() bool { return ask(t, p, chromedp.Evaluate[bool](`window.wentDown`)) })
		p.pointer(t, [2]float64{200, float64(y)}, [2]float64{400, float64(y)})
		p.inked(t, 300, y, true)
		if round == 3 {
			h = start(t, s)
		}
		other := h.artist(t, "Carl")
		if err := other.draws("garden", fmt.Sprint("c", round), dotAt(1000, y)); err != nil {
			t.Fatal(err)
		}
		p.shows(t, "#state", "^$")
		p.inked(t, 1000, y, true)
		p.inked(t, 300, y, true)
		// What was drawn without a connection arrives, once.
		eventually(t, patience, "it is all there", func() bool {
			return strings.Count(string(h.stored(t, "board:garden").Value), `"color":"black"`) >= round+1
		})
		p.offers(t, h, "garden")
	}
}
