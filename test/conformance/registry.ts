import type { Case } from "./case.ts";
import { ABORT_KILL_TREE } from "./cases/abort-kill-tree.ts";
import { BACKGROUND } from "./cases/background.ts";
import { BYTE_FIDELITY } from "./cases/byte-fidelity.ts";
import { CAPTURE } from "./cases/capture.ts";
import { CHANGE } from "./cases/change.ts";
import { COMPLETION } from "./cases/completion.ts";
import { CONTAINED } from "./cases/contained.ts";
import { ENVIRONMENT } from "./cases/environment.ts";
import { EXIT_STATUS } from "./cases/exit-status.ts";
import { FILES_PATHS } from "./cases/files-paths.ts";
import { FILES_STAT } from "./cases/files-stat.ts";
import { FILES_STREAMS } from "./cases/files-streams.ts";
import { FILES_WRITE } from "./cases/files-write.ts";
import { KEEP_OUTPUT } from "./cases/keep-output.ts";
import { OUTPUT_LOG } from "./cases/output-log.ts";
import { PORTS } from "./cases/ports.ts";
import { PROCESSES } from "./cases/processes.ts";
import { READ_TEXT } from "./cases/read-text.ts";
import { RUNTIME } from "./cases/runtime.ts";
import { SEARCH } from "./cases/search.ts";
import { SIGNALS } from "./cases/signals.ts";
import { START_ERRORS } from "./cases/start-errors.ts";
import { STDIN } from "./cases/stdin.ts";
import { TIMEOUTS } from "./cases/timeouts.ts";
import { TOOLS_BASH } from "./cases/tools-bash.ts";
import { TOOLS_FILES } from "./cases/tools-files.ts";
import { TRANSFER } from "./cases/transfer.ts";
import { TTY } from "./cases/tty.ts";
import { USERS } from "./cases/users.ts";
import { WATCH } from "./cases/watch.ts";

/** SEMANTICS as cases, line by line. */
export const CASES: readonly Case[] = [
  ...BYTE_FIDELITY,
  ...COMPLETION,
  ...EXIT_STATUS,
  ...TIMEOUTS,
  ...ABORT_KILL_TREE,
  ...STDIN,
  ...ENVIRONMENT,
  ...START_ERRORS,
  ...OUTPUT_LOG,
  ...CAPTURE,
  ...PROCESSES,
  ...SIGNALS,
  ...TTY,
  ...USERS,
  ...KEEP_OUTPUT,
  ...BACKGROUND,
  ...FILES_WRITE,
  ...FILES_PATHS,
  ...FILES_STAT,
  ...FILES_STREAMS,
  ...SEARCH,
  ...TRANSFER,
  ...WATCH,
  ...CONTAINED,
  ...READ_TEXT,
  ...CHANGE,
  ...PORTS,
  ...RUNTIME,
  ...TOOLS_BASH,
  ...TOOLS_FILES,
];
