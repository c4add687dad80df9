// A client in a process of its own: starts a command, says its pid and the first cursor, then what all its output was.
import { text } from "node:stream/consumers";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import type { SpawnOptions } from "../../src/contract/process.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { sha256 } from "../conformance/kit.ts";

export interface ClientTask extends Pick<SpawnOptions, "leaseMs"> {
  readonly command: readonly string[];
}

const { config, stateDirectory, task } = JSON.parse(await text(process.stdin)) as {
  config: RuntimeConfig;
  stateDirectory: string;
  task: ClientTask;
};
const { command, ...options } = task;
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
await using runtime = await openRuntime(config, { stateDirectory });
const started = await runtime.spawn(command, options);
const parts: Uint8Array[] = [];
let gaps = 0;
for await (const chunk of started.output()) {
  if (chunk.type === "gap") gaps++;
  if (chunk.type !== "data") continue;
  if (parts.length === 0) say({ pid: started.pid, cursor: chunk.cursor });
  parts.push(chunk.data);
}
const { exitCode } = await started.exit;
const bytes = parts.reduce((sum, part) => sum + part.length, 0);
say({ bytes, digest: sha256(...parts), exitCode, gaps });
