import { height, within, width } from "./paper.js";

// The longest line of one item, in points, and after how many milliseconds a part
// of a stroke is sent.
const longest = 200, often = 150;

// Pen makes strokes of what a pointer or the keyboard does over an element. A
// stroke is sent in parts while it is being drawn: items of their own, which are
// never changed again, so that each costs the others no more than itself.
export class Pen {
  #on;
  #place;
  #stroke = null; // {id, parts, line}
  #timer;
  at = [width / 2, height / 2];

  // on has move(x, y, byKeys); begin() for a new stroke; and part(id, line).
  constructor(element, place, on) {
    this.#place = place;
    this.#on = on;
    element.onpointerdown = (event) => this.#press(event, element);
    element.onpointermove = (event) => this.#drag(event);
    element.onpointerup = element.onpointercancel = () => this.lift();
    element.onkeydown = (event) => this.#key(event);
    element.onblur = () => this.lift();
  }

  // unsent is what was drawn since the last part.
  get unsent() { return this.#stroke?.line; }

  // lift ends the stroke, if there is one.
  lift() {
    if (!this.#stroke) return;
    this.#flush();
    this.#stroke = null;
  }

  #press(event, element) {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    this.#move(...this.#place(event), false);
    this.#begin();
  }

  #drag(event) {
    // What came since the last frame; none of it, where the browser keeps no list.
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length ? all : [event]) this.#move(...this.#place(each), false);
  }

  #key(event) {
    const step = event.shiftKey ? 50 : 10, [x, y] = this.at;
    switch (event.key) {
      case "ArrowLeft": this.#move(x - step, y, true); break;
      case "ArrowRight": this.#move(x + step, y, true); break;
      case "ArrowUp": this.#move(x, y - step, true); break;
      case "ArrowDown": this.#move(x, y + step, true); break;
      case " ": if (!event.repeat) this.#stroke ? this.lift() : this.#begin(); break;
      case "Escape": this.lift(); break;
      default: return;
    }
    event.preventDefault();
  }

  #begin() {
    this.lift();
    this.#stroke = { id: newId(), parts: 0, line: [...this.at] };
    this.#on.begin();
  }

  #move(x, y, byKeys) {
    const to = [within(x, width), within(y, height)], [wasX, wasY] = this.at;
    this.at = to;
    this.#on.move(...to, byKeys);
    if (!this.#stroke || to[0] === wasX && to[1] === wasY) return;
    this.#stroke.line.push(...to);
    if (this.#stroke.line.length >= 2 * longest) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), often);
  }

  // flush sends what has been drawn since the last time. The next part begins
  // where this one ends.
  #flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const stroke = this.#stroke;
    if (!stroke || stroke.parts > 0 && stroke.line.length === 2) return;
    this.#on.part(`${stroke.id}.${stroke.parts++}`, stroke.line);
    stroke.line = stroke.line.slice(-2);
  }
}

// newId returns an id that no one else makes.
export function newId() {
  return "i" + Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}
