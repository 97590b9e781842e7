// A connection to mesh-host that speaks the subprotocol mesh.v1 and comes back
// by itself when it is lost.
export class Mesh {
  #socket = null;
  #calls = new Map(); // by the id of the request
  #last = 0;
  #pause = 500;
  #timer;
  #url;
  #on;

  // on has open(id): connected, under this id; push(command, payload); and
  // down(text, final): not connected, and whether it will stay so.
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  get connected() { return this.#socket?.readyState === WebSocket.OPEN; }

  connect() {
    clearTimeout(this.#timer);
    const socket = this.#socket = new WebSocket(this.#url, "mesh.v1");
    socket.onmessage = (event) => this.#take(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(event);
  }

  // call sends a command and resolves with the reply's payload, or rejects with
  // an Error that has the server's code.
  call(command, payload = {}) {
    if (!this.connected) return Promise.reject(new Error("Not connected."));
    const id = ++this.#last;
    this.#socket.send(JSON.stringify({ id, command, payload }));
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  #take({ id, command, payload }) {
    const call = id === undefined ? undefined : this.#calls.get(id);
    if (call) {
      this.#calls.delete(id);
      const failed = payload !== null && typeof payload === "object" && "error" in payload && "code" in payload;
      return failed ? call.reject(Object.assign(new Error(payload.error), { code: payload.code })) : call.resolve(payload);
    }
    switch (command) {
      case "ping": return this.#answer("pong");
      case "latency:request": return this.#answer("latency:response");
      case "latency": return;
      case "mesh/assign-id": this.#pause = 500; return this.#on.open(payload);
      default: return this.#on.push(command, payload);
    }
  }

  #answer(command) { this.#socket.send(JSON.stringify({ id: ++this.#last, command, payload: {} })); }

  // 4000 to 4099 mean: do not come back. All others may, each at a moment of
  // its own, so that not all clients of a server arrive at once.
  #lost({ code, reason }) {
    for (const call of this.#calls.values()) call.reject(new Error("The connection was lost."));
    this.#calls.clear();
    if (code >= 4000 && code < 4100) return this.#on.down(reason || "The server has closed the connection.", true);
    this.#timer = setTimeout(() => this.connect(), this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(this.#pause * 2, 15000);
    this.#on.down("connecting…", false);
  }
}
