import { MeshClient } from "/mesh-host/client.js";

const $ = (id) => document.getElementById(id);

let room = null, last = null; // "chat:…" while in one, and the one before
let name = "", moderator = false;
let toldTyping = 0; // when the others were told, in milliseconds
const people = new Map(); // connection id → {name, typing}

// The key lets this window take its name along to its next connection.
const key = sessionStorage.chatKey ??= crypto.getRandomValues(new Uint32Array(4)).join("");

const url = location.origin.replace("http", "ws") + "/" + location.search; // its query may have a token
const mesh = new MeshClient(url, {
  retryConnect: true,
  reconnectInterval: 1000,
  decode: JSON.parse,
  prepare: again,
});
mesh.on("status", show);
mesh.on("reconnectfailed", ({ message }) => out(message)); // someone else has the name now, for example
// On several nodes this may come after the room has been closed to us.
mesh.on("chat.kicked", (kick) => { if (kick.room === (room ?? last)) out(`${kick.by} has kicked you out of this room.`); });
mesh.on("unsubscribed", (ended) => { if (ended.name === room) back(); });

// ---- the way in and out

$("name").value = sessionStorage.chatName ?? "";
addEventListener("hashchange", showRoom);
showRoom();

// showRoom proposes the room of the address, …/#garden.
function showRoom() {
  try {
    $("room").value = decodeURIComponent(location.hash.slice(1)) || "lobby";
  } catch { /* it is no text */ }
}

$("knock").onsubmit = async (event) => {
  event.preventDefault();
  name = sessionStorage.chatName = $("name").value.trim();
  $("refusal").textContent = "";
  $("enter").disabled = true;
  try {
    await introduce((command, payload) => mesh.command(command, payload));
  } catch (problem) {
    return out(problem.message);
  }
  room = "chat:" + $("room").value;
  await enter();
};

$("leave").onclick = () => out("");

async function introduce(call) {
  ({ name, moderator } = await call("chat.name", { name, key }));
}

// again gives a new connection its name, without which it is not let into the room
// that the client goes back to.
async function again(call) {
  if (room) await introduce(call).catch((problem) => { if (problem.code !== "ECONNECTION") out(problem.message); });
}

// enter goes into the room, and shows it. The client stays there, over all its
// connections, and goes on from what it has seen.
async function enter() {
  const to = room;
  const joined = await mesh.joinRoom(to, presence);
  if (to !== room) return;
  if (!joined.success) return out(joined.error.message);
  people.clear();
  for (const id of joined.present) meet(id, joined.states[id]);
  const heard = await mesh.subscribeChannel(to, say, { historyLimit: 100, onGap: sayAll });
  if (to !== room) return;
  if (!heard.success) return out(heard.error.message);
  sayAll(heard);
  $("door").hidden = true;
  $("talk").hidden = false;
  $("title").textContent = document.title = "#" + room.slice("chat:".length);
  $("text").placeholder = moderator ? "Say something, or /kick someone" : "Say something";
  $("enter").disabled = false;
  $("text").focus();
}

// leave is back at the door; what has not ended is ended.
function leave() {
  if (room) end(last = room);
  room = null;
}

function end(left) { return Promise.all([mesh.unsubscribeChannel(left), mesh.leaveRoom(left)]); }

// back is in the room again, unless it is closed to us: the server has ended something.
async function back() {
  const to = room;
  await end(to);
  if (to === room) await enter();
}

function out(why) {
  leave();
  toldTyping = 0;
  $("door").hidden = false;
  $("talk").hidden = true;
  $("enter").disabled = false;
  $("refusal").textContent = why;
  document.title = "Chat";
  $("name").focus();
}

function show(status) {
  const text = status === "online" || status === "offline" ? "" : "connecting…";
  $("state").textContent = $("waiting").textContent = text;
  $("send").disabled = text !== "";
}

// ---- messages

function sayAll({ history }) {
  $("log").replaceChildren();
  history.reverse().forEach(say);
}

function say({ from, name: who, text, notice, at }) {
  const log = $("log"), atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const item = document.createElement("li"), time = document.createElement("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (notice) {
    item.className = "notice";
    item.append(notice, time);
    if (people.has(from)) known(from, who);
  } else {
    const author = document.createElement("b");
    author.textContent = who;
    item.className = who === name ? "mine" : "";
    item.style.setProperty("--hue", hue(who));
    item.append(author, text, time);
  }
  log.append(item);
  while (log.children.length > 500) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

$("say").onsubmit = async (event) => {
  event.preventDefault();
  const text = $("text").value;
  if (!text.trim()) return;
  $("problem").textContent = "";
  try {
    await mesh.command("chat.send", { room, text });
    if ($("text").value === text) $("text").value = "";
    tell(false);
  } catch (problem) {
    $("problem").textContent = problem.message;
  }
};

// ---- who is here, and who is typing

function presence({ type, connectionId: id, state }) {
  if (type === "join") return void meet(id);
  if (type === "leave") people.delete(id);
  else if (people.has(id)) people.get(id).typing = !!state?.typing;
  showPeople();
}

async function meet(id, state) {
  const own = id === mesh.connectionId;
  people.set(id, { name: own ? name : "…", typing: !!state?.typing });
  showPeople();
  if (own) return;
  const metadata = await mesh.getConnectionMetadata(id);
  if (people.has(id)) known(id, metadata?.name ?? "someone");
}

function known(id, who) {
  people.get(id).name = who;
  showPeople();
}

function showPeople() {
  const me = mesh.connectionId;
  const everyone = [...people].sort(([, a], [, b]) => a.name.localeCompare(b.name));
  $("people").replaceChildren(...everyone.map(([id, person]) => {
    const item = document.createElement("li"), label = document.createElement("span");
    label.textContent = id === me ? person.name + " (you)" : person.name;
    item.style.setProperty("--hue", hue(person.name));
    item.append(label);
    if (moderator && id !== me) item.append(kickButton(id, person.name));
    return item;
  }));
  const typing = everyone.filter(([id, person]) => person.typing && id !== me).map(([, person]) => person.name);
  $("typing").textContent = typing.length ? `${typing.join(" and ")} ${typing.length > 1 ? "are" : "is"} typing…` : "";
}

function kickButton(id, who) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  button.textContent = "Kick";
  button.setAttribute("aria-label", "Kick " + who);
  button.onclick = () => mesh.command("chat.kick", { room, who: id }).catch((problem) => { $("problem").textContent = problem.message; });
  return button;
}

// tell lets the others know whether this one is typing; the server forgets it
// after a while by itself.
function tell(typing) {
  if (!typing && !toldTyping) return;
  toldTyping = typing ? Date.now() : 0;
  if (typing) mesh.publishPresenceState(room, { state: { typing: true }, expireAfter: 5000 });
  else mesh.clearPresenceState(room);
}

$("text").oninput = () => {
  const writing = $("text").value.trim() !== "" && !$("text").value.startsWith("/");
  if (!writing || Date.now() - toldTyping > 3000) tell(writing);
};

function hue(text) {
  let sum = 0;
  for (const c of text) sum = (sum * 31 + c.codePointAt(0)) % 360;
  return sum;
}
