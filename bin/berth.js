#!/usr/bin/env node
// Kept in the syntax of old Nodes, so that they can say what is needed.
const major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  process.stderr.write(
    `berth needs Node.js 24 or newer; this is ${process.version}.\n` +
      "Install a current one, or run it by `npx -p node@24 -p berth berth`; in a checkout use `npm start -- …`.\n",
  );
  process.exit(125);
}
// Half of a short command's time is compiling; the cache is this user's own, not in a shared directory.
const { enableCompileCache } = process.getBuiltinModule("node:module");
const { mkdirSync } = process.getBuiltinModule("node:fs");
const { HOME, XDG_CACHE_HOME } = process.env;
const caches = XDG_CACHE_HOME?.startsWith("/") ? XDG_CACHE_HOME : HOME?.startsWith("/") && `${HOME}/.cache`;
if (caches) {
  try {
    // One by one: Node's own recursive making, which the cache would use, never ends in /proc.
    for (const directory of [caches, `${caches}/berth`, `${caches}/berth/node`]) {
      try {
        mkdirSync(directory, { mode: 0o700 });
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
      }
    }
    enableCompileCache(`${caches}/berth/node`);
  } catch {
    // Then without.
  }
}
// The first releases of Node 24 call node:sqlite experimental, on stderr of every command that uses it.
const { emitWarning } = process;
process.emitWarning = (warning, ...rest) => {
  if (rest[0] !== "ExperimentalWarning") emitWarning.call(process, warning, ...rest);
};
const { run } = await import("../dist/command/main.js");
await run(process.argv);
