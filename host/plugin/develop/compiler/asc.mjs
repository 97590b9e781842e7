// Keeps AssemblyScript's compiler in memory between builds, which are several
// times faster then. It reads a line of JSON for each build, {"args": […]}, and
// answers with one, {"ok": true, "output": "…"}.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const asc = await import(pathToFileURL(`${process.cwd()}/node_modules/assemblyscript/dist/asc.js`));

for await (const line of createInterface({ input: process.stdin })) {
  let ok = false;
  let output = "";
  try {
    const { error, stdout, stderr } = await asc.main(JSON.parse(line).args);
    ok = error === null;
    output = `${stdout}${stderr}`;
  } catch (e) {
    output = String(e);
  }
  process.stdout.write(`${JSON.stringify({ ok, output })}\n`);
}
