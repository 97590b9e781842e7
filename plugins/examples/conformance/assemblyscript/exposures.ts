import { denied, GuardCall, Json, MeshError, Plugin, Rooms, Second } from "@mesh-host/as-pdk";
import { spin, trap } from "./misbehave";

/** Opens channels and presence, closes rooms, and registers the guards of these. */
export function expose(p: Plugin): void {
  p.guard("members", members);
  p.guard("users", known);
  p.guard("admins", admins);
  p.guard("trapping", trapping);
  p.guard("spinning", spinning);
  p.guard("rubbish", rubbish);
  p.metadataGuard("admins");

  p.channel("/^open:.+$/").publishable().history(100);
  p.channel("/^plain:.+$/").publishable();
  p.channel("/^drop:.+$/").publishable().slowDrop();
  p.channel("/^guarded:.+$/").guardedBy("members").publishableBy("users").history(100);
  p.channel("bad:trap").guardedBy("trapping");
  p.channel("bad:spin").guardedBy("spinning");
  p.channel("bad:rubbish").guardedBy("rubbish");

  p.presence("/^room:.+$/");
  p.presence("/^ttl:.+$/").ttl(Second);
  p.presence("/^private:.+$/").guardedBy("users");

  p.room("/^closed:.+$/").guardedBy("users").metadataGuardedBy("admins");
}

/** Allows those who are in the room that is named like the topic. */
function members(c: GuardCall): MeshError | null {
  const r = Rooms.has(c.name, c.connectionId);
  if (r.failed) return r.error;
  return r.member ? null : denied("This is for members of the room " + c.name + ".");
}

/** Allows authenticated users. */
function known(c: GuardCall): MeshError | null {
  return c.user.length > 0 ? null : denied("This is for known users.");
}

/** Allows those whose metadata is {"admin": true}, and tells the others what they have asked for. */
function admins(c: GuardCall): MeshError | null {
  if (c.metadata.get("admin").asBool()) return null;
  return denied("Only for administrators: " + c.topic + " " + c.action + ".");
}

// What follows must refuse, whatever it does.

function trapping(c: GuardCall): MeshError | null {
  return trap(c) === null ? null : denied("It did not trap.");
}

function spinning(c: GuardCall): MeshError | null {
  return spin(c) === null ? null : denied("It did not spin.");
}

/** Answers with what should be JSON and is none. */
function rubbish(c: GuardCall): MeshError | null {
  return new MeshError("ERUBBISH", "rubbish").withData(Json.raw('{"rubbish'));
}
