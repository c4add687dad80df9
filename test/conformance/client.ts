// A client that is killed: starts a command (or moves it to the background), says its id and the cursor behind its first output, and reads on.
import { text } from "node:stream/consumers";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import type { ClientTask } from "./killed-client.ts";

const { config, stateDirectory, task } = JSON.parse(await text(process.stdin)) as {
  config: RuntimeConfig;
  stateDirectory: string;
  task: ClientTask;
};
const { command, background, ...options } = task;
const runtime = await openRuntime(config, { stateDirectory });
const started =
  background === undefined
    ? await runtime.spawn(command, options)
    : (await runtime.exec(command, { timeoutMs: 60_000 }).background(background)).process;
let told = false;
for await (const chunk of started.output()) {
  if (told || chunk.type !== "data") continue;
  told = true;
  process.stdout.write(`${JSON.stringify({ id: started.id, cursor: chunk.cursor })}\n`);
}
// It is never this client that ends: it is killed.
setInterval(() => {}, 60_000);
