import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { SecretReference } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { tokenFilePath } from "../../runner/access/local-token.ts";
import { runningRunner } from "../../runner/runner-file.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { hasLogin, loginPath, runnerUrl } from "./logins.ts";

/** `--runner URL`; false by `--no-runner`. */
export interface RunnerFlags {
  readonly runner?: string | boolean;
}

/**
 * `--runner` and `--no-runner`.
 * @param of words on workspaces work on this user's database by themselves, unless a runner elsewhere is asked for
 */
export function addRunnerOptions(command: Command, of: "place" | "words" = "place"): Command {
  const [otherwise, without] =
    of === "place"
      ? ["or the one that runs here", "although one runs here"]
      : ["else on this machine", "although BERTH_RUNNER names one"];
  return command
    .option("--runner <url>", `by this runner (see \`berth login\`); default: BERTH_RUNNER, ${otherwise}`)
    .option("--no-runner", `without a runner, ${without}`);
}

/** A runner that a command works by. */
export interface RunnerTarget {
  readonly url: string;
  /** Where its token is found. */
  readonly token: SecretReference;
  /** The one of this state directory: it works on the same database as the command does without it. */
  readonly isLocal: boolean;
}

/**
 * The runner that a command is to use: the one of `--runner` or BERTH_RUNNER, else the one that runs here, unless
 * `--no-runner`. undefined: none. Connects to nothing, and takes well below a millisecond.
 * @throws auth.missing: there is no token for the one that was asked for
 */
export function runnerTarget(flags: RunnerFlags): RunnerTarget | undefined {
  if (flags.runner === false) return undefined;
  const asked = typeof flags.runner === "string" ? flags.runner : process.env.BERTH_RUNNER || undefined;
  const stateDirectory = stateDirectoryPath();
  const tokenFile = tokenFilePath(stateDirectory);
  const local = runningRunner(stateDirectory);
  if (asked === undefined) return local && localTarget({ url: local.url, tokenFile });
  const url = runnerUrl(asked);
  if (process.env.BERTH_RUNNER_TOKEN) return { url, token: { env: "BERTH_RUNNER_TOKEN" }, isLocal: false };
  if (hasLogin(stateDirectory, url)) {
    return { url, token: { file: loginPath(stateDirectory, url) }, isLocal: false };
  }
  if (url === local?.url) return localTarget({ url, tokenFile });
  throw berthError("auth.missing", {
    message: `there is no token for the runner ${url}`,
    hint: `Give one: berth login ${url}, or BERTH_RUNNER_TOKEN.`,
    context: { url },
  });
}

/** The same where a command is about a runner. @throws runner.unreachable: there is none */
export function neededRunner(flags: RunnerFlags): RunnerTarget {
  const target = runnerTarget(flags);
  if (target !== undefined) return target;
  throw berthError("runner.unreachable", {
    message: "no runner runs here",
    hint: "Start one: berth serve. Or name one elsewhere: --runner URL.",
  });
}

/** The runner of this state directory. */
export function localTarget(runner: { readonly url: string; readonly tokenFile: string }): RunnerTarget {
  return { url: runner.url, token: { file: runner.tokenFile }, isLocal: true };
}

/** The token itself. @throws auth.missing */
export function tokenOf({ url, token }: RunnerTarget): string {
  try {
    if ("file" in token) return readFileSync(token.file, "utf8").trim();
    if ("env" in token) return process.env[token.env] ?? "";
  } catch (cause) {
    throw berthError("auth.missing", { message: `the token of the runner ${url} can't be read`, cause });
  }
  return "";
}
