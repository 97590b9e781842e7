import { call, fail, failure, reply, Request } from "./host";
import { areTexts, isNull, isText, items, member, or, quote, text } from "./json";
import { note } from "./hooks";
import { spin, trap } from "./misbehave";

function begin(): Request {
  const r = new Request();
  note("resolve", r.text("name"), r, "");
  return r;
}

// listed resolves "<kind>:<name>" to the ids in the record "list:<name>".
export function listed(): i32 {
  const name = begin().text("name");
  let value = "";
  if (failure == "") {
    const id = "list:" + name.substring(name.indexOf(":") + 1);
    value = or(member(call("records.get", "{\"recordId\":" + quote(id) + "}"), "value"));
  }
  if (failure != "" || areTexts(value)) reply(value);
  else if (isNull(value)) reply("[]");
  else {
    const what = isText(value) ? text(value) : "";
    if (what == "trap") trap();
    if (what == "spin") spin();
    if (what != "rubbish") fail("ELIST", "The list is none: " + value);
    reply("[\"record:a\",\"\",\"\\n\"]");
  }
  return 0;
}

// all resolves to all records under record:, by their ids.
export function all(): i32 {
  begin();
  let ids: string[] = [];
  if (failure == "") {
    ids = items(member(call("records.list", "{\"pattern\":\"/^record:.+$/\",\"limit\":1000}"), "records"));
    for (let i = 0; i < ids.length; i++) ids[i] = member(ids[i], "recordId");
  }
  reply("[" + ids.join(",") + "]");
  return 0;
}

// mine resolves to what belongs to a user.
export function mine(): i32 {
  const user = begin().text("user");
  reply("[" + quote("own:" + user) + "," + quote("private:" + user) + ",\"private:all\",\"secret\",\"record:mine\"]");
  return 0;
}
