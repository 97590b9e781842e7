import { badPayload, Call, Connections, denied, MeshError, Merge, object, Reply } from "@mesh-host/as-pdk";
import { characters, DIGIT, kindOf, LETTER, MARK } from "./unicode";

/** The longest name that a client chooses, in characters. */
const MAX_NAME = 24;

export const noName: MeshError = denied("Choose a name first.");

/**
 * Takes {"name"}, gives the connection that name, and returns {"name"}. Who is
 * authenticated is called by their user, whatever they choose.
 */
export function chooseName(c: Call): Reply | null {
  const f = c.fields();
  const name = f.text("name");
  if (f.failed) return f.error;
  const user = c.user;
  if (user.length > 0) return object().text("name", user).json();
  if (!isName(name)) {
    return badPayload("name", "must be 1 to 24 letters, digits, spaces, '-', '_' and '.', and begin with a letter");
  }
  const named = object().text("name", name).json();
  const r = Connections.setMetadata(c.connectionId, named, Merge);
  return r.failed ? r.error : named;
}

function isName(name: string): bool {
  for (let i = 0; i < name.length; i++) {
    const c = name.codePointAt(i);
    const kind = kindOf(c);
    if (kind != LETTER && (i == 0 || (kind != DIGIT && kind != MARK && !isJoint(c)))) return false;
    if (c > 0xffff) i++;
  }
  return name.length > 0 && characters(name) <= MAX_NAME && !name.endsWith(" ");
}

/** Whether a character may stand between letters: a space, '-', '_' or '.'. */
function isJoint(c: i32): bool {
  return c == 0x20 || c == 0x2d || c == 0x5f || c == 0x2e;
}

/** Returns what the caller is called, "" where it has chosen nothing yet: see noName. */
export function nameOf(c: Call): string {
  const user = c.user;
  return user.length > 0 ? user : c.metadata.get("name").asText();
}
