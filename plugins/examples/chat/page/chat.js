import { Mesh } from "./mesh.js";

const $ = (id) => document.getElementById(id);

let room = null; // "chat:…" while in one
let name = "", moderator = false;
let me = ""; // this connection's id
let last = null; // {epoch, offset} of the newest message seen in the room
let entering = false;
let toldTyping = 0; // when the others were told, in milliseconds
const people = new Map(); // connection id → {name, typing}

// The key lets this window take its name along to its next connection.
const key = sessionStorage.chatKey ??= crypto.getRandomValues(new Uint32Array(4)).join("");

const url = new URL(location.href); // its query may have a token
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
url.hash = "";
const mesh = new Mesh(url, { open, push, down });

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

$("knock").onsubmit = (event) => {
  event.preventDefault();
  name = sessionStorage.chatName = $("name").value.trim();
  room = "chat:" + $("room").value;
  last = null;
  $("refusal").textContent = "";
  $("enter").disabled = true;
  if (mesh.connected) enter();
  else mesh.connect();
};

$("leave").onclick = () => {
  const left = room;
  out("");
  mesh.call("mesh/leave-room", { roomName: left }).catch(() => {}); // without a connection it has left anyway
};

function open(id) {
  me = id;
  $("state").textContent = $("refusal").textContent = "";
  $("state").className = "";
  if (room) enter();
}

function down(text, final) {
  if (final) return out(text);
  if (!room) return;
  $("state").textContent = $("refusal").textContent = text;
  $("state").className = "down";
  $("send").disabled = true;
}

// enter goes into the room, or back into it on a new connection.
async function enter() {
  if (entering) return;
  entering = true;
  try {
    ({ name, moderator } = await mesh.call("chat.name", { name, key }));
    await mesh.call("mesh/join-room", { roomName: room });
    await listen();
    await watch();
  } catch (problem) {
    if (mesh.connected && room) out(problem.message);
    return;
  } finally {
    entering = false;
  }
  $("door").hidden = true;
  $("talk").hidden = false;
  $("title").textContent = document.title = "#" + room.slice("chat:".length);
  $("text").placeholder = moderator ? "Say something, or /kick someone" : "Say something";
  $("send").disabled = $("enter").disabled = false;
  $("text").focus();
}

function out(why) {
  room = null;
  toldTyping = 0;
  $("door").hidden = false;
  $("talk").hidden = true;
  $("enter").disabled = false;
  $("refusal").textContent = why;
  document.title = "Chat";
  $("name").focus();
}

// ---- messages

// listen subscribes to the room's channel: with what was missed, where the
// server can prove that it is all of it, else with its history anew.
async function listen() {
  let reply;
  do {
    reply = await mesh.call("mesh/subscribe-channel", { channel: room, historyLimit: 100, recover: last ?? undefined });
    if (!reply.success) throw new Error("This room's messages are for its members.");
    if (!reply.recovered) $("log").replaceChildren();
    const missed = reply.recovered ? reply.missed.map((m) => m.message) : reply.history.reverse();
    missed.forEach(say);
    last = { epoch: reply.epoch, offset: reply.offset };
  } while (reply.more);
}

function say(json) {
  const { from, name: who, text, notice, at } = JSON.parse(json);
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
    await mesh.call("chat.send", { room, text });
    if ($("text").value === text) $("text").value = "";
    tell(false);
  } catch (problem) {
    $("problem").textContent = problem.message;
  }
};

// ---- who is here, and who is typing

async function watch() {
  const reply = await mesh.call("mesh/subscribe-presence", { roomName: room });
  people.clear();
  for (const id of reply.present) meet(id, reply.states[id]);
}

async function meet(id, state) {
  people.set(id, { name: id === me ? name : "…", typing: !!state?.typing });
  showPeople();
  if (id === me) return;
  const { metadata } = await mesh.call("mesh/get-connection-metadata", { connectionId: id }).catch(() => ({}));
  if (people.has(id)) known(id, metadata?.name ?? "someone");
}

function known(id, who) {
  people.get(id).name = who;
  showPeople();
}

function showPeople() {
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
  button.onclick = () => mesh.call("chat.kick", { room, who: id }).catch((problem) => { $("problem").textContent = problem.message; });
  return button;
}

// tell lets the others know whether this one is typing; the server forgets it
// after a while by itself.
function tell(typing) {
  if (!typing && !toldTyping) return;
  toldTyping = typing ? Date.now() : 0;
  const told = typing
    ? mesh.call("mesh/publish-presence-state", { roomName: room, state: { typing: true }, expireAfter: 5000 })
    : mesh.call("mesh/clear-presence-state", { roomName: room });
  told.catch(() => {}); // it is only a courtesy
}

$("text").oninput = () => {
  const writing = $("text").value.trim() !== "" && !$("text").value.startsWith("/");
  if (!writing || Date.now() - toldTyping > 3000) tell(writing);
};

// ---- what the server pushes

function push(command, payload) {
  if (!room || ![payload?.channel, payload?.roomName, payload?.name, payload?.room].includes(room)) return;
  switch (command) {
    case "mesh/subscription-message":
      last = { epoch: payload.epoch, offset: payload.offset };
      return say(payload.message);
    case "mesh/presence-update": {
      const { type, connectionId: id, state } = payload;
      if (type === "join") return meet(id);
      if (type === "leave") people.delete(id);
      else if (people.has(id)) people.get(id).typing = !!state?.typing;
      return showPeople();
    }
    case "chat.kicked": return out(`${payload.by} has kicked you out of this room.`);
    case "mesh/unsubscribed": return void enter(); // unless the room is closed to us, we are back at once
  }
}

function hue(text) {
  let sum = 0;
  for (const c of text) sum = (sum * 31 + c.codePointAt(0)) % 360;
  return sum;
}
