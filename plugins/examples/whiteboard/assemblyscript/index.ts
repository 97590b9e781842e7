// The whiteboard plugin makes boards that people draw on together, where each
// sees the cursors of the others.
//
// What is shared are records. cursor:<connection> is where someone points, and
// its owner writes it. board:<board> is what is drawn, {"<item>": item}, null
// for an erased one, and all who have a name write it. about:<board> is what a
// list of boards shows, {"by", "owner", "items", "changed"}, and the plugin
// writes it: it is a record of its own, so that who looks at the list does not
// get every stroke.

import { main, Minute, Plugin } from "@mesh-host/as-pdk";
import { drawn, gone } from "./activity";
import { clearBoard, closeBoard, create, openBoards } from "./boards";
import { disconnected, own } from "./cursors";
import { drawing } from "./items";
import { chooseName } from "./names";
import { readSettings, settings } from "./settings";

export * from "@mesh-host/as-pdk/exports";

main(setup);

function setup(p: Plugin): void {
  if (!readSettings(p)) return;
  p.name("whiteboard");
  p.version("1.0.0");
  capabilities(p);

  p.guard("own", own);
  p.guard("drawing", drawing);
  p.record("/^cursor:.+$/").writableBy("own").ttl(settings.cursor).slowConflate();
  p.record("/^board:.+$/").writableBy("drawing").ttl(settings.board);
  p.record("/^about:.+$/").ttl(settings.board + Minute).slowConflate();
  p.collection("boards", openBoards).dependsOn(["/^about:.+$/"]).shared().limit(<i32>settings.boards);

  p.command("whiteboard.name", chooseName);
  p.command("whiteboard.create", create);
  p.command("whiteboard.close", closeBoard);
  p.command("whiteboard.clear", clearBoard);

  p.onRecordUpdate(drawn, ["/^board:.+$/"]);
  p.onRecordRemoved(gone, ["/^board:.+$/"]);
  p.onDisconnect(disconnected);
}

function capabilities(p: Plugin): void {
  p.capability("records.read", "which boards there are, and what is on them");
  p.capability("records.write", "making, clearing and closing boards; cursors whose owner has gone");
  p.capability("connections.metadata.read", "whether the one who has made a board is still there");
  p.capability("connections.metadata.write", "a connection's name is in its metadata");
}
