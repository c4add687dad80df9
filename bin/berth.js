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
const { enableCompileCache } = await import("node:module");
const { homedir } = await import("node:os");
// Half of a short command's time is compiling; the cache is this user's own, not in a shared directory.
enableCompileCache(`${process.env.XDG_CACHE_HOME || `${homedir()}/.cache`}/berth/node`);
const { run } = await import("../dist/cli/main.js");
await run(process.argv);
