import { applyPatch, MeshClient } from "/mesh-host/client.js";
import { Paper, put } from "./paper.js";
import { newId, Pen } from "./pen.js";

const $ = (id) => document.getElementById(id);

let name = "";
let board = null; // its name while at one
let drawing = null; // what is on it: items by their ids, null for erased ones
const mine = []; // ids of items, one list for each thing that can be undone
const boards = new Map(), cursors = new Map(); // records by their ids

const url = location.origin.replace("http", "ws") + "/" + location.search; // its query may have a token
const mesh = new MeshClient(url, {
  retryConnect: true,
  reconnectInterval: 1000,
  // Each connection needs its name, and before what was drawn without one is sent.
  prepare: (call) => board && introduce(call),
});
mesh.on("status", showStatus);
mesh.on("connect", () => { told = null; tell(); });
mesh.on("reconnectfailed", ({ message }) => out(message));

const paper = new Paper($("canvas"), $("notes"), items);
const pen = new Pen($("canvas"), (event) => paper.place(event), { move, begin, part });
mesh.connect().then(() => follow("boards", boards, showBoards)).catch(say);

// ---- the way in and out

$("name").value = sessionStorage.boardName ?? "";
addEventListener("hashchange", showHash);
showHash();

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

function showStatus(status) {
  $("state").textContent = $("waiting").textContent = status === "online" || status === "offline" ? "" : "connecting…";
}

async function introduce(call) {
  ({ name } = await call("whiteboard.name", { name }));
}

// go goes to a board, from another one perhaps, and makes it where there is none. The
// client follows it from then on, over all its connections.
async function go(to) {
  leave();
  board = to;
  $("refusal").textContent = "";
  $("enter").disabled = true;
  try {
    await introduce((command, payload) => mesh.command(command, payload));
    await mesh.command("whiteboard.create", { board: to }).catch(unlessThere);
    const { success, error, record } = await mesh.subscribeRecord("board:" + to, changed, { mode: "patch", onUnsubscribed: () => out("You may not see this any more.") });
    if (!success) throw error;
    changed({ full: record });
    await follow("cursors:" + to, cursors, showCursors);
    if (to === board) show();
  } catch (problem) {
    if (to === board) out(problem.message);
  }
}

function unlessThere(problem) {
  if (problem.code !== "ECONFLICT") throw problem;
}

// follow keeps the records of a collection up to date, and shows them.
async function follow(id, records, show) {
  const onDiff = ({ added, changed, removed }) => {
    for (const each of removed) records.delete(each.id);
    for (const each of [...added, ...changed]) records.set(each.id, each.record);
    show();
  };
  const followed = await mesh.subscribeCollection(id, { onDiff });
  if (!followed.success) throw followed.error;
  onDiff({ added: followed.records, changed: [], removed: [] });
}

function show() {
  history.replaceState(null, "", "#" + board);
  $("door").hidden = true;
  $("desk").hidden = false;
  $("title").textContent = document.title = board;
  showBoards();
  paper.show();
  tell();
  $("canvas").focus();
}

// leave lets go of the board, if there is one.
function leave() {
  if (!board) return;
  pen.lift();
  mesh.unsubscribeRecord("board:" + board);
  mesh.unsubscribeCollection("cursors:" + board);
  if (told) mesh.transaction([{ op: "delete", recordId: "cursor:" + mesh.connectionId }]).catch(() => {}); // with the connection it goes by itself
  board = drawing = place = told = null;
  mine.length = 0;
  cursors.clear();
  showCursors();
}

function out(why) {
  leave();
  $("desk").hidden = true;
  $("door").hidden = false;
  $("enter").disabled = false;
  $("refusal").textContent = why;
  document.title = "Whiteboard";
  showBoards();
  $("name").focus();
}

// ---- what is on the board

// changed takes a version of the board, this window's own strokes before the server
// has them included.
function changed({ full, patch }) {
  drawing = patch ? applyPatch(drawing, patch) : full ?? null;
  if (drawing === null) out("This board has been closed.");
  else paper.show();
}

function items() {
  const all = Object.values(drawing ?? {}).filter(Boolean);
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

// save lays an item over those that are there, null to erase it. Without a connection
// it waits for the next one. Where nobody knows whether it has arrived it goes again:
// where it has, the same item under the same id changes nothing.
async function save(id, item) {
  const to = board;
  try {
    await mesh.setRecord("board:" + to, { [id]: item }, { strategy: "merge", optimistic: true });
  } catch (problem) {
    if (to !== board) return;
    if (problem.code === "ECONNECTION" || problem.code === "ETIMEOUT") save(id, item);
    else say(problem);
  }
}

$("undo").onclick = undo;
twice($("clear"), "Clear it all?", () => mesh.command("whiteboard.clear", { board }).catch(say));
twice($("close"), "Close it for all?", () => mesh.command("whiteboard.close", { board }).catch(say));

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
  if (telling || !drawing || mesh.status !== "online" || place === told) return;
  telling = true;
  told = place;
  await mesh.publishRecordUpdate("cursor:" + mesh.connectionId, { board, name, ...place });
  await new Promise((resolve) => { setTimeout(resolve, 40); });
  telling = false;
  tell();
}

function showCursors() {
  const others = new Map([...cursors].filter(([id, cursor]) => id !== "cursor:" + mesh.connectionId && cursor.board === board));
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

function showBoards() {
  const focused = $("boards").contains(document.activeElement) ? document.activeElement.dataset.board : null;
  const names = Array.from(boards.keys(), (id) => id.slice("about:".length)).sort((a, b) => a.localeCompare(b));
  $("boards").replaceChildren(...names.map((each) => {
    const item = document.createElement("li");
    item.append(boardButton(each, boards.get("about:" + each)));
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
