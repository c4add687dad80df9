// A harness that is killed: its model has one command in the background and one that was moved there. Says their ids.
import { openRuntime } from "../../src/runtimes/open.ts";
import { createTools } from "../../src/tools/create.ts";
import { waitFor } from "../fixtures/process.ts";
import { outputOf } from "./bash-place.ts";

const [stateDirectory = "", leaseMs = ""] = process.argv.slice(2);
const runtime = await openRuntime({ type: "local" }, { stateDirectory });
const tools = await createTools(runtime, { root: "/tmp", bash: { leaseMs: Number(leaseMs) } });
const started = await tools.call("bash", { command: "exec sleep 600", background: true });
async function moved(command: string, options: { readonly stays?: boolean }): Promise<string> {
  const call = tools.call("bash", { command }, { callId: command });
  const id = await waitFor("it runs", () => tools.background(command, options));
  await call;
  return id;
}
const ids = {
  started: outputOf(started).process,
  moved: await moved("exec sleep 601", {}),
  stays: await moved("exec sleep 602", { stays: true }),
};
process.stdout.write(`${JSON.stringify(ids)}\n`);
setInterval(() => {}, 60_000);
