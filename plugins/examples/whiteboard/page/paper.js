// The size of a board. All see all of it, however large their window is.
export const width = 1600, height = 1000;

const inks = { black: "#1b1f27", red: "#c9252d", orange: "#d9730d", green: "#1a7f4b", blue: "#2456c9", violet: "#7b3fc4" };

// Paper shows what is on a board: strokes on a canvas, notes as elements over it.
export class Paper {
  #canvas;
  #notes;
  #items;
  #due = false;

  // items returns a list of what is on the board, in the order of drawing.
  constructor(canvas, notes, items) {
    this.#canvas = canvas;
    this.#notes = notes;
    this.#items = items;
    new ResizeObserver(() => this.show()).observe(canvas);
  }

  // show draws it all anew with the next frame.
  show() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      const items = this.#items();
      this.#draw(items.filter(({ line }) => line));
      this.#pin(items.filter(({ note }) => note));
    });
  }

  // place returns where on the board an event of the pointer is.
  place({ clientX, clientY }) {
    const box = this.#canvas.getBoundingClientRect();
    return [within((clientX - box.left) / box.width * width, width), within((clientY - box.top) / box.height * height, height)];
  }

  #draw(strokes) {
    const canvas = this.#canvas, pixels = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.width = pixels; // which also wipes it
    canvas.height = Math.round(pixels * height / width);
    const pen = canvas.getContext("2d");
    pen.scale(pixels / width, pixels / width);
    pen.lineCap = pen.lineJoin = "round";
    for (const { line, width: thick, color } of strokes) {
      pen.strokeStyle = inks[color];
      pen.lineWidth = thick;
      pen.beginPath();
      pen.moveTo(line[0] - 0.01, line[1]); // of no length, a dot would not show
      for (let i = 0; i < line.length; i += 2) pen.lineTo(line[i], line[i + 1]);
      pen.stroke();
    }
  }

  #pin(notes) {
    this.#notes.replaceChildren(...notes.map(({ note, x, y, color }) => {
      const element = document.createElement("p");
      element.textContent = note;
      element.dataset.color = color;
      put(element, x, y);
      return element;
    }));
  }
}

// put moves an element to a place on the board.
export function put(element, x, y) {
  element.style.setProperty("--x", x / width);
  element.style.setProperty("--y", y / height);
}

// within makes a number a whole one that is on the board.
export function within(n, end) { return Math.max(0, Math.min(end, Math.round(n))); }
