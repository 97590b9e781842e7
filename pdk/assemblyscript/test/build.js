// Builds the plugins that the tests drive.

import { mkdir, readFile, writeFile, cp } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

import { operations } from "../testing/generated/tables.js";

const here = fileURLToPath(new URL(".", import.meta.url));

/** Builds test/plugins/<name>.ts beside other sources, and returns the module's bytes. */
export async function build(name, sources = {}) {
  const folder = `${here}build/${name}`;
  await mkdir(folder, { recursive: true });
  await cp(`${here}plugins/${name}.ts`, `${folder}/index.ts`);
  for (const [file, text] of Object.entries(sources)) await writeFile(`${folder}/${file}`, text);
  const { error, stderr } = await asc.main(
    ["index.ts", "--config", `${here}../asconfig.json`, "--baseDir", folder, "-o", "plugin.wasm"],
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return readFile(`${folder}/plugin.wasm`);
}

const read = {
  string: (n) => `f.has("${n}") ? f.text("${n}") : ""`,
  json: (n) => `f.has("${n}") ? Json.raw(f.text("${n}")) : Json.none`,
  bytes: (n) => `f.has("${n}") ? unhex(f.text("${n}")) : null`,
  int: (n) => `f.has("${n}") ? I64.parseInt(f.text("${n}")) : 0`,
  bool: (n) => `f.has("${n}") && f.bool("${n}")`,
};
const write = {
  string: (n) => `text("${n}", r.${n})`,
  json: (n) => `raw("${n}", quoted(r.${n}))`,
  bytes: (n) => `raw("${n}", hexed(r.${n}))`,
  int: (n) => `text("${n}", r.${n}.toString())`,
  bool: (n) => `bool("${n}", r.${n})`,
  strings: (n) => `texts("${n}", r.${n})`,
};

/** Writes a command for each operation, which calls the kit's generated function. */
export function operationsSource() {
  let setup = "", commands = "";
  for (const [name, { request, response }] of Object.entries(operations)) {
    const fn = name.split(".").map((p) => (/^(kv|http)$/.test(p) ? p.toUpperCase() : p[0].toUpperCase() + p.slice(1))).join("");
    const args = request.map(([n, type, optional]) =>
      type !== "strings" ? read[type](n) : optional ? `f.has("${n}") ? f.texts("${n}") : null` : `f.texts("${n}")`);
    setup += `  p.command("${name}", do${fn});\n`;
    commands += `function do${fn}(c: Call): Reply | null {
  const f = c.fields();
  const r = call${fn}(${args.join(", ")});
  if (f.failed) return f.error;
  if (r.failed) return r.error;
  return object()${response.map(([n, type]) => "." + write[type](n)).join("")}.json();
}\n`;
  }
  return `import * from "../../../assembly/generated/operations";
`.replace("import * from", "import {" + [...commands.matchAll(/call[A-Z]\w+/g)].map((m) => m[0]).join(", ") + "} from") +
    `import { Call, Json, object, Plugin, Reply } from "../../../index";
import { hexed, quoted, unhex } from "./index";
export function operations(p: Plugin): void {\n${setup}}\n${commands}`;
}
