import { join } from "node:path";
import type { Params } from "../../wire/messages.ts";
import { commandEnvironment, resolveCwd } from "./environment.ts";
import type { KeptFiles } from "./kept-files.ts";
import { KeptOutput } from "./kept-output.ts";
import type { LogStorage } from "./log-storage.ts";
import { OutputLog } from "./output-log.ts";
import { ManagedProcess } from "./process.ts";
import { LOG_LINK } from "./records.ts";
import type { PlaceUser } from "./users.ts";

const DEFAULT_LOG_LIMIT_BYTES = 256 * 1024 * 1024;

export interface NewProcess {
  readonly id: string;
  readonly params: Params<"process.start">;
  /** As it is to run. */
  readonly command: readonly string[];
  /** Environment of the place's user. */
  readonly base: Readonly<Record<string, string>>;
  readonly daemonUser: PlaceUser;
  /** Who is asked for; undefined: the daemon's own user. */
  readonly user: PlaceUser | undefined;
  /** Directory of the records of all processes; undefined: everything is kept in memory. */
  readonly records: string | undefined;
  /** That of their logs: the same, unless another was asked for. */
  readonly logs: string | undefined;
  readonly storage: LogStorage;
  /** undefined: `keepOutput` makes no file. */
  readonly kept: KeptFiles | undefined;
}

/** A process as it was asked for, with its log and the file of its output; not yet started. */
export function createProcess(given: NewProcess): ManagedProcess {
  const { id, params, command, base, daemonUser, user, records, logs, storage, kept } = given;
  const elsewhere = records !== undefined && logs !== records;
  const log = new OutputLog({
    directory: logs === undefined ? undefined : join(logs, id),
    link: elsewhere ? join(records, id, LOG_LINK) : undefined,
    limitBytes: params.logLimitBytes ?? DEFAULT_LOG_LIMIT_BYTES,
    storage,
  });
  const otherUser = user === undefined || user.uid === daemonUser.uid ? undefined : user;
  return new ManagedProcess({
    id,
    name: params.name,
    workspace: params.workspace,
    userName: params.user,
    overflow: params.overflow,
    timeoutMs: params.timeoutMs,
    killGraceMs: params.killGraceMs,
    drainMs: params.drainMs,
    log,
    spec: {
      argv: command,
      cwd: resolveCwd(params.cwd, user?.home ?? base.HOME ?? (user ?? daemonUser).home),
      env: commandEnvironment({ base, user, tty: params.tty !== undefined, caller: params.env }),
      stdin: params.stdin,
      stderr: params.stderr,
      tty: params.tty,
      user: otherUser,
    },
    kept:
      params.keepOutput === undefined || kept === undefined
        ? undefined
        : new KeptOutput({
            id,
            log,
            files: kept,
            aboveBytes: params.keepOutput.aboveBytes,
            logs: elsewhere ? logs : undefined,
            user: otherUser,
          }),
  });
}
