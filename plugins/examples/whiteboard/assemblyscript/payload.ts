import { badPayload, Json, MeshError } from "@mesh-host/as-pdk";

/** Tells what is wrong with an object that has other members than so many, which were read already. */
export function only(object: Json, members: i32, names: string): MeshError | null {
  for (const m = object.members(); m.next(); ) members--;
  if (members == 0) return null;
  return badPayload("newValue", "must have " + names + ", each once, and nothing else");
}
