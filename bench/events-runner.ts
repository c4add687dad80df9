// A runner that records events at a steady rate while others call it, as a process of its own. Started with a state
// directory, events a second and seconds; it says where it listens, waits for a line, and says what it has written.
import { once } from "node:events";
import { startRunner } from "../src/runner/start.ts";

const [stateDirectory = "", rate = "", seconds = ""] = process.argv.slice(2);
/** As a loop of a busy runner has it: a few events in each of its turns. */
const TURN_MS = 5;

const runner = await startRunner({ stateDirectory, port: 0 });
process.stdout.write(`${runner.url} ${runner.tokenFile}\n`);
await once(process.stdin, "data");
const { context } = runner;
const startedMs = performance.now();
let appended = 0;
while (performance.now() - startedMs < Number(seconds) * 1_000) {
  const due = Math.floor(((performance.now() - startedMs) / 1_000) * Number(rate));
  for (; appended < due; appended++) {
    context.emit({
      type: appended % 2 === 0 ? "process.started" : "process.exited",
      message: "process bmfnyfd1shyd ended with exit code 0",
      workspace: `w${String(appended % 1_000).padStart(10, "0")}`,
      processId: `p${appended.toString(36).padStart(11, "0")}`,
      data: { exitCode: 0, signal: null, outputBytes: appended },
    });
  }
  await new Promise((resolve) => setTimeout(resolve, TURN_MS));
}
await context.events.flush();
const elapsedMs = performance.now() - startedMs;
process.stdout.write(`${JSON.stringify({ perSecond: appended / (elapsedMs / 1_000) })}\n`);
// Whoever calls ends first.
await once(process.stdin, "data");
runner.stop();
await runner.ended;
process.stdin.destroy();
