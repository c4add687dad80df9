// `npm start`: install, build, then the main job. Arguments go to `berth`: npm start -- exec -- npm test
import { spawn } from "node:child_process";
import { childEnvironment, ensureBuilt, ensureInstalled, node, root } from "./setup.mjs";

ensureInstalled();
ensureBuilt();
const args = process.argv.slice(2);
const berth = `${root}/bin/berth.js`;
// npm runs this in the package's directory; the command belongs where the user called it.
const cwd = process.env.INIT_CWD ?? process.cwd();
const child = spawn(node, [berth, ...(args.length > 0 ? args : ["serve", "--open"])], {
  cwd,
  stdio: "inherit",
  env: childEnvironment(),
});
// A terminal's own signals reach the command as well; what somebody sends to this process alone is passed on.
process.on("SIGTERM", () => child.kill("SIGTERM"));
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => {});
child.on("error", (error) => {
  process.stderr.write(`${node}: ${error.message}\n`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
});
