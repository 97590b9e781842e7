import { Plugin } from "./plugin";

function nothing(p: Plugin): void {
  p.fail("the plugin does not call main(setup)");
}

let setup: (p: Plugin) => void = nothing;

/**
 * Says how to set the plugin up, at the end of its entry file: `main(setup);`, below
 * the variables that it uses. The host has the function run first in every instance.
 * A plugin that cannot run says so with Plugin.fail.
 */
export function main(fn: (p: Plugin) => void): void {
  setup = fn;
}

/** The plugin of this instance. */
export const plugin: Plugin = new Plugin();

/** Runs what main was given. For the kit's own use. */
export function setUp(): void {
  setup(plugin);
}
