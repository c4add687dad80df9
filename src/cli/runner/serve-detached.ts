import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { BerthError, berthError, type SerializedBerthError } from "../../contract/errors.ts";
import { openForLog } from "../../runner/log-file.ts";
import { privateDirectory, stateDirectoryPath } from "../../runtimes/state-directory.ts";
import type { ServeFlags } from "../commands/serve.ts";
import { printJson } from "../print.ts";
import { openPage, printLink } from "./open-page.ts";
import { introduction, type Listening } from "./serve-screen.ts";
import { localTarget } from "./target.ts";

/** What the runner in the background says to the command that started it. */
export type FromBackground = { readonly ready: Listening } | { readonly error: SerializedBerthError };

/**
 * Starts the same command in a session of its own, its log in a file, and waits until it listens or says why it can't.
 * @throws what starting the runner throws
 */
export async function serveDetached(flags: ServeFlags): Promise<void> {
  const state = await privateDirectory(stateDirectoryPath());
  const logFile = flags.logFile ?? join(state, "runner.log");
  const log = openForLog(logFile);
  const words = process.argv.slice(1).filter((word) => word !== "-d" && word !== "--detach");
  const given = flags.logFile === undefined ? ["--log-file", logFile] : [];
  const child = spawn(process.execPath, [...process.execArgv, ...words, ...given], {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const said = await new Promise<FromBackground>((resolve, reject) => {
    child.once("message", (message) => resolve(message as FromBackground));
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
      const error = berthError("runner.stopping", {
        message: `the runner ended ${how} before it was ready`,
        hint: `Its log says more: ${logFile}`,
      });
      resolve({ error: error.toJSON() });
    });
  });
  if ("error" in said) throw new BerthError(said.error);
  child.disconnect();
  child.unref();
  if (flags.json) printJson({ ...said.ready, logFile });
  else {
    process.stdout.write(introduction(said.ready, { showToken: flags.showToken ?? false }));
    process.stdout.write(
      `\nIt runs in the background; its log is ${logFile}.\nberth serve --stop ends it.\n`,
    );
  }
  if (!flags.open) return;
  const target = localTarget(said.ready);
  const why = await openPage(target);
  if (why !== undefined && !flags.json) await printLink(target, why);
}
