import type { RuntimeConfig } from "../../src/contract/config.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { WorkspaceJournal } from "../../src/workspaces/registry/journal.ts";

/** A Berth that dies by SIGKILL behind its n-th note in a journal. Says "done" when it came to its end. */
interface Orders {
  readonly stateDirectory: string;
  readonly project: string;
  readonly runtime: RuntimeConfig;
  readonly verb: "create" | "fork" | "delete";
  readonly dieAfter: number;
}

const orders = JSON.parse(process.argv[2] ?? "") as Orders;
let notes = 0;
function counted(): void {
  notes += 1;
  if (notes === orders.dieAfter) process.kill(process.pid, "SIGKILL");
}
const { plan, done, forget } = WorkspaceJournal.prototype;
WorkspaceJournal.prototype.plan = async function (...items) {
  const entries = await plan.call(this, ...items);
  counted();
  return entries;
};
WorkspaceJournal.prototype.done = async function (...entries) {
  await done.call(this, ...entries);
  counted();
};
WorkspaceJournal.prototype.forget = async function (...entries) {
  await forget.call(this, ...entries);
  counted();
};

const { stateDirectory, project, runtime, verb } = orders;
await using workspaces = await openWorkspaces({ stateDirectory });
const here = { directory: project };
if (verb === "create") await workspaces.create({ name: "fix", project, runtime, changes: true });
else if (verb === "fork") await workspaces.fork("base", { ...here, name: "fix", runtime });
else await workspaces.delete("fix", { ...here, force: true });
process.stdout.write("done\n");
