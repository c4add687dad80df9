// `npm start`: install, build, then the main job. Arguments go to `berth`: npm start -- exec -- npm test
import { ensureBuilt, ensureInstalled, node, root, step } from "./setup.mjs";

ensureInstalled();
ensureBuilt();
const args = process.argv.slice(2);
const berth = `${root}/bin/berth.js`;
// npm runs this in the package's directory; the command belongs where the user called it.
const cwd = process.env.INIT_CWD ?? process.cwd();
const command = args.length > 0 ? args : ["doctor", "--try"];
if (args.length === 0)
  process.stderr.write(
    "\n› berth doctor --try: what this machine offers, and one command in each kind of runtime\n\n",
  );
process.exitCode = step(undefined, node, [berth, ...command], { mayFail: true, cwd });
