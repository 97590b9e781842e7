// apply returns what a JSON Patch (RFC 6902) makes of a value, which it changes:
// the operations add, remove and replace, which are all that mesh-host sends. It
// throws where the patch is none of this value.
export function apply(value, patch) {
  const root = { "": value };
  for (const { op, path, value: made } of patch) {
    const names = path.split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = names.pop();
    const parent = names.reduce(member, root);
    if (Array.isArray(parent)) inList(parent, op, last, made);
    else inObject(parent, op, last, made);
  }
  return root[""];
}

function member(parent, name) {
  if (parent === null || typeof parent !== "object" || !Object.hasOwn(parent, name)) throw new Error("There is no " + name);
  return parent[name];
}

function inList(list, op, name, made) {
  const end = list.length;
  const at = op === "add" && name === "-" ? end : /^(0|[1-9]\d*)$/.test(name) ? Number(name) : Infinity;
  if (at > end || op !== "add" && at === end) throw new Error("There is no place " + name);
  if (op === "remove") list.splice(at, 1);
  else list.splice(at, op === "add" ? 0 : 1, made);
}

function inObject(object, op, name, made) {
  if (op !== "add") member(object, name); // must be there
  if (op === "remove") delete object[name];
  // Assigning to "__proto__" would do something else.
  else Object.defineProperty(object, name, { value: made, writable: true, enumerable: true, configurable: true });
}
