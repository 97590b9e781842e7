import { Mesh } from "./mesh.js";
import { Paper, put } from "./paper.js";
import { newId, Pen } from "./pen.js";
import { Collection, Shared } from "./shared.js";

const $ = (id) => document.getElementById(id);

let name = "";
let me = ""; // this connection's id
let over = false; // whether the server wants no other connection
let board = null; // its name while at one
let entered = false; // whether the board was made, or found
let drawing = null, cursors = null; // what is followed of the board
const unsaved = new Map(); // id → item, null for an erased one: what the server has not acknowledged
const mine = []; // ids of items, one list for each thing that can be undone

const url = new URL(location.href); // its query may have a token
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
url.hash = "";
const mesh = new Mesh(url, { open, push, down });
const boards = new Collection(mesh, "boards", showBoards);
const paper = new Paper($("canvas"), $("notes"), items);
const pen = new Pen($("canvas"), (event) => paper.place(event), { move, begin, part });

// ---- the way in and out

$("name").value = sessionStorage.boardName ?? "";
addEventListener("hashchange", showHash);
showHash();
mesh.connect();

// showHash proposes the board of the address, …/#garden.
function showHash() {
  try {
    $("board").value = decodeURIComponent(location.hash.slice(1)) || "sketch";
  } catch { /* it is no text */ }
}

$("knock").onsubmit = (event) => {
  event.preventDefault();
  name = sessionStorage.boardName = $("name").value.trim();
  go($("board").value);
};

$("leave").onclick = () => out("");

function open(id) {
  me = id;
  $("state").textContent = $("refusal").textContent = "";
  attempt(boards.follow());
  if (board) enter();
}

function down(text, final) {
  over = final;
  if (final) out(text);
  else $("state").textContent = $("refusal").textContent = text;
}

// go goes to a board, from another one perhaps.
function go(to) {
  leave();
  board = to;
  entered = false;
  const now = drawing = new Shared(mesh, "board:" + board, (value) => { if (now === drawing) changed(value); });
  const there = cursors = new Collection(mesh, "cursors:" + board, (records) => { if (there === cursors) showCursors(records); });
  $("refusal").textContent = "";
  $("enter").disabled = true;
  if (mesh.connected) enter();
  else if (over) mesh.connect();
}

// enter takes the board up, and makes it where there is none; or takes it up again
// on a new connection, where the drawing goes on from the version that is here.
async function enter() {
  const here = drawing;
  try {
    ({ name } = await mesh.call("whiteboard.name", { name }));
    if (!entered) await mesh.call("whiteboard.create", { board }).catch(unlessThere);
    await here.follow();
    if (here !== drawing) return; // it was closed, or left
    await cursors.follow();
  } catch (problem) {
    if (mesh.connected && here === drawing) out(problem.message);
    return;
  }
  if (here !== drawing) return;
  if (!entered) show();
  told = null;
  tell();
  // What may not have arrived goes again. Where it has, that does no harm: the same
  // item under the same id changes nothing.
  for (const [id, item] of unsaved) save(id, item);
}

function unlessThere(problem) {
  if (problem.code !== "ECONFLICT") throw problem;
}

function show() {
  entered = true;
  history.replaceState(null, "", "#" + board);
  $("door").hidden = true;
  $("desk").hidden = false;
  $("title").textContent = document.title = board;
  showBoards(boards.records);
  $("canvas").focus();
}

// leave lets go of the board, if there is one.
function leave() {
  if (!board) return;
  pen.lift();
  attempt(drawing.leave());
  attempt(cursors.leave());
  attempt(mesh.call("mesh/transaction", { operations: [{ op: "delete", recordId: "cursor:" + me }] }));
  board = drawing = cursors = place = told = null;
  unsaved.clear();
  mine.length = 0;
  showCursors(new Map());
}

function out(why) {
  leave();
  $("desk").hidden = true;
  $("door").hidden = false;
  $("enter").disabled = false;
  $("refusal").textContent = why;
  document.title = "Whiteboard";
  showBoards(boards.records);
  $("name").focus();
}

// attempt passes over what fails for want of a connection: on the next one it is
// done again, or not needed any more.
function attempt(doing) { doing?.catch(() => {}); }

// ---- what is on the board

function changed(value) {
  if (value === null) out("This board has been closed.");
  else paper.show();
}

// items are what the server has, and over it what is on its way there, less what
// was erased.
function items() {
  const all = Object.values({ ...drawing?.value, ...Object.fromEntries(unsaved) }).filter(Boolean);
  if (pen.unsent) all.push({ line: pen.unsent, ...look() });
  return all;
}

// look is what the tools say.
function look() {
  const tools = new FormData($("tools"));
  return { width: Number(tools.get("width")), color: tools.get("color") };
}

function begin() { mine.push([]); }

function part(id, line) { add(id, { line, ...look() }); }

// A note is pinned where the cursor is.
$("tools").onsubmit = (event) => {
  event.preventDefault();
  const note = $("note").value.trim();
  if (!note) return;
  const [x, y] = pen.at;
  begin();
  add(newId(), { note, x, y, color: look().color });
  $("note").value = "";
};

function add(id, item) {
  mine.at(-1).push(id);
  save(id, item);
}

function undo() {
  pen.lift();
  for (const id of mine.pop() ?? []) save(id, null);
}

// save lays an item over those that are there, null to erase it. Where the
// connection is lost it stays unsaved, until there is another one.
async function save(id, item) {
  const here = drawing;
  unsaved.set(id, item);
  paper.show();
  try {
    await mesh.call("mesh/publish-record-update", { recordId: here.id, newValue: { [id]: item }, options: { strategy: "merge" } });
  } catch (problem) {
    if (!mesh.connected) return;
    say(problem);
  }
  if (here !== drawing || unsaved.get(id) !== item) return;
  unsaved.delete(id);
  paper.show();
}

$("undo").onclick = undo;
twice($("clear"), "Clear it all?", () => mesh.call("whiteboard.clear", { board }).catch(say));
twice($("close"), "Close it for all?", () => mesh.call("whiteboard.close", { board }).catch(say));

addEventListener("keydown", (event) => {
  if (board && event.key === "z" && (event.ctrlKey || event.metaKey) && event.target !== $("note")) undo();
});

// twice has a button ask before it does what cannot be undone.
function twice(button, question, act) {
  const text = button.textContent;
  let timer;
  button.onclick = () => {
    clearTimeout(timer);
    const sure = button.textContent === question;
    button.textContent = sure ? text : question;
    if (sure) act();
    else timer = setTimeout(() => { button.textContent = text; }, 3000);
  };
}

let silence; // a timer

function say(problem) {
  $("problem").textContent = problem.message;
  clearTimeout(silence);
  silence = setTimeout(() => { $("problem").textContent = ""; }, 5000);
}

// ---- cursors

let place = null, told = null, telling = false; // where one's own is, and where the others see it
const arrows = new Map(); // id → element

function move(x, y, byKeys) {
  place = { x, y };
  put($("own"), x, y);
  $("own").hidden = !byKeys;
  if (pen.unsent) paper.show();
  tell();
}

// tell writes one's own cursor: one write after the other, and no more of them
// than can be seen. Where it has been meanwhile is never told.
async function tell() {
  if (telling || !entered || !board || place === told) return;
  telling = true;
  told = place;
  await mesh.call("mesh/publish-record-update", { recordId: "cursor:" + me, newValue: { board, name, ...place } }).catch(() => {});
  await new Promise((resolve) => { setTimeout(resolve, 40); });
  telling = false;
  tell();
}

function showCursors(records) {
  const others = new Map([...records].filter(([id, cursor]) => id !== "cursor:" + me && cursor.board === board));
  for (const [id, element] of arrows) {
    if (others.has(id)) continue;
    element.remove();
    arrows.delete(id);
  }
  for (const [id, cursor] of others) {
    const element = arrows.get(id) ?? newArrow(id);
    element.lastChild.textContent = cursor.name;
    put(element, cursor.x, cursor.y);
  }
  const names = Array.from(others.values(), (cursor) => cursor.name).sort();
  const text = names.length ? "with " + names.join(", ") : "";
  if ($("people").textContent !== text) $("people").textContent = text; // else it would be read out each time
}

function newArrow(id) {
  const element = document.createElement("div");
  element.append(document.createElement("i"), document.createElement("span"));
  element.style.setProperty("--hue", hue(id));
  arrows.set(id, element);
  $("cursors").append(element);
  return element;
}

function hue(text) {
  let sum = 0;
  for (const c of text) sum = (sum * 31 + c.codePointAt(0)) % 360;
  return sum;
}

// ---- the list of boards

function showBoards(records) {
  const focused = $("boards").contains(document.activeElement) ? document.activeElement.dataset.board : null;
  const names = Array.from(records.keys(), (id) => id.slice("about:".length)).sort((a, b) => a.localeCompare(b));
  $("boards").replaceChildren(...names.map((each) => {
    const item = document.createElement("li");
    item.append(boardButton(each, records.get("about:" + each)));
    return item;
  }));
  $("none").hidden = names.length > 0;
  if (focused) [...$("boards").querySelectorAll("button")].find((button) => button.dataset.board === focused)?.focus();
}

function boardButton(to, { by, items: count }) {
  const button = document.createElement("button"), number = document.createElement("small");
  button.type = "button";
  button.dataset.board = to;
  button.title = "made by " + by;
  number.textContent = count;
  number.setAttribute("aria-label", count === 1 ? "1 item" : count + " items");
  button.append(to, number);
  if (to === board) button.setAttribute("aria-current", "true");
  button.onclick = () => choose(to);
  return button;
}

// choose goes to a board of the list; who has no name yet chooses that first.
function choose(to) {
  $("board").value = to;
  if (!board) $("knock").requestSubmit();
  else if (to !== board) go(to);
}

// ---- what the server pushes

function push(command, payload) {
  switch (command) {
    case "mesh/record-update":
    case "mesh/record-deleted":
      boards.take(payload);
      cursors?.take(payload);
      if (payload.recordId === drawing?.id) attempt(drawing.take(payload));
      return;
    case "mesh/collection-diff":
      for (const set of [boards, cursors]) if (payload.collectionId === set?.id) attempt(set.diff(payload));
      return;
    case "mesh/unsubscribed":
      if (payload.name === drawing?.id) out("You may not see this any more.");
  }
}
