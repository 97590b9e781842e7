import { MeshError } from "./error.js";

/**
 * The answers of a host that holds a store of keys in memory, the plugin's
 * settings, and lists of what was logged and sent. Times to live do not pass.
 */
export function store(host) {
  const kv = host.kv;
  const note = (operation) => (q) => {
    host.sent.push({
      operation,
      ...q,
      payload: q.payload === null ? null : JSON.parse(q.payload),
    });
    return { sent: q.to?.length ?? 1 };
  };
  return {
    log(q) {
      host.logged.push(q);
      return {};
    },
    "config.get": () => ({ config: JSON.stringify(host.config) }),
    "kv.get": (q) => ({ value: kv.get(q.key) ?? null }),
    "kv.set"(q) {
      kv.set(q.key, q.value);
      return {};
    },
    "kv.delete": (q) => ({ deleted: kv.delete(q.key) }),
    "kv.increment"(q) {
      const text = kv.get(q.key) ?? "0";
      if (!/^-?[0-9]+$/.test(text)) throw new MeshError("ECONFLICT", "the value is not an integer");
      const value = BigInt(text) + BigInt(q.by);
      if (BigInt.asIntN(64, value) !== value) throw new MeshError("ECONFLICT", "the sum needs more than 64 bits");
      kv.set(q.key, String(value));
      return { value };
    },
    "kv.compareAndSet"(q) {
      const current = kv.get(q.key) ?? null;
      if (current !== q.expected) return { swapped: false, current };
      if (q.value === null) kv.delete(q.key);
      else kv.set(q.key, q.value);
      return { swapped: true };
    },
    "connections.send": note("connections.send"),
    "users.send": note("users.send"),
    "rooms.send": note("rooms.send"),
    broadcast: note("broadcast"),
  };
}
