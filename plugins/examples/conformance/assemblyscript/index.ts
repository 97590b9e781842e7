// The conformance plugin has one command for each thing that a host must do
// right, and something of every kind that a plugin can register: every language's
// kit has the same one, and the same suite tests them.

import { main, Plugin } from "@mesh-host/as-pdk";
import { addressing } from "./addressing";
import { add, count, echo, failing, sending, whoami } from "./commands";
import { expose } from "./exposures";
import { hooks, readHooks } from "./hooks";
import { grow, recurse, spin, trap } from "./misbehave";
import { operations } from "./operations";
import { exposeRecords } from "./record_exposures";
import { records } from "./records";

export * from "@mesh-host/as-pdk/exports";

main(setup);

function setup(p: Plugin): void {
  p.name("conformance");
  p.version("1.0.0");

  p.command("echo", echo);
  p.command("add", add);
  p.command("fail", failing);
  p.command("whoami", whoami);
  p.command("count", count);
  p.command("send", sending);
  p.command("hooks", readHooks);

  operations(p);
  addressing(p);
  records(p);
  expose(p);
  exposeRecords(p);
  hooks(p);

  p.command("spin", spin);
  p.command("grow", grow);
  p.command("trap", trap);
  p.command("recurse", recurse);
}
