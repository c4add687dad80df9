import { berthError } from "../../contract/errors.ts";
import { tokenFilePath } from "../../runner/access/local-token.ts";
import { askRunner, hasEnded } from "../../runner/control.ts";
import { isHeld } from "../../runner/hold.ts";
import { runningRunner } from "../../runner/runner-file.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import type { ServeFlags } from "../commands/serve.ts";
import { printJson } from "../print.ts";
import { answers as isAnswered } from "./answers.ts";

/** Requests and operations that are under way are given time to end; what takes longer is in no order. */
const STOP_MS = 90_000;
const HEALTH_MS = 3000;

/** `--stop`. That none runs is what was wanted. */
export async function stopRunner(flags: ServeFlags): Promise<void> {
  const state = stateDirectoryPath();
  const runner = askRunner(state, "stop");
  if (runner !== undefined && !(await hasEnded(runner, STOP_MS))) {
    throw berthError("runner.stopping", {
      message: `the runner (process ${runner.pid}) has been asked to end, and has not yet`,
      hint: `Ask again, and it ends at once: berth serve --stop`,
      context: { pid: runner.pid },
    });
  }
  if (flags.json) printJson({ stopped: runner === undefined ? null : runner });
  else if (runner === undefined) process.stderr.write("No runner runs.\n");
  else process.stdout.write(`The runner (process ${runner.pid}) has ended; processes go on.\n`);
}

/** `--status`: exit code 1 when none runs. */
export async function showRunner(flags: ServeFlags): Promise<void> {
  const state = stateDirectoryPath();
  const runner = runningRunner(state);
  if (runner === undefined) {
    process.exitCode = 1;
    const starting = isHeld(state);
    if (flags.json) printJson({ running: false, starting });
    else process.stderr.write(starting ? "A runner is starting.\n" : "No runner runs: berth serve\n");
    return;
  }
  const answers = await isAnswered(runner.url, HEALTH_MS);
  const tokenFile = tokenFilePath(state);
  if (flags.json) printJson({ running: true, answers, ...runner, tokenFile });
  else {
    process.stdout.write(
      `${runner.url}  berth ${runner.version}, process ${runner.pid}, since ${runner.startedAt}${answers ? "" : "; it does not answer"}\n`,
    );
  }
  if (!answers) process.exitCode = 1;
}
