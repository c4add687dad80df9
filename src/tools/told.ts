import type { ErrorCode } from "../contract/error-registry.ts";
import { type BerthError, berthError, errorEntry } from "../contract/errors.ts";
import { namedPath } from "./files/place.ts";
import type { ToolContext, ToolResult } from "./tool.ts";

type Hint = string | ((context: ToolContext, error: BerthError) => string);

const ASK = "No other input mends this: tell the user.";
const GONE = "Start the command again if it is needed.";

/**
 * The registry's hints are for who writes programs and types commands of Berth. A model can do other things: these stand in
 * their place. What a tool says of its own accord stays.
 */
const HINTS: Readonly<Partial<Record<ErrorCode, Hint>>> = {
  internal: ASK,
  "operation.aborted": "It was broken off from outside, as by the user. What it had done by then stays done.",
  "operation.timeout": "Try again, or ask for less at once.",
  "runtime.capability_unsupported": "It is missing in this place: use another tool, or a command.",
  "runtime.closed": ASK,
  "transport.disconnected": "Call again: it is connected anew.",
  "transport.unavailable": "Try once more; if it fails again, tell the user.",
  "wire.protocol_error": ASK,
  "wire.version_mismatch": ASK,
  "wire.unauthorized": ASK,
  "wire.method_unknown": ASK,
  "wire.feature_unknown": ASK,
  "wire.request_invalid": ASK,
  "wire.message_too_large": "Ask for less at once.",
  "process.unknown": "bash_output without a process lists what runs.",
  "process.reaped": `Its output is no longer kept. ${GONE}`,
  "process.not_found": "Install it, or give its full path.",
  "process.cwd_not_found": "Make the directory first, or give another cwd.",
  "process.user_not_found": ASK,
  "process.user_not_permitted": ASK,
  "process.argument_invalid": "A command has no NUL character.",
  "process.env_invalid": ASK,
  "process.finished": "bash_output reads what it has written, and how it ended.",
  "process.reaping": GONE,
  "process.running": "End it first, by bash_kill.",
  "process.lost": `bash_output still reads what it had written. ${GONE}`,
  "process.not_a_tty": "Start it with background: true and tty: true.",
  "process.stdin_closed": "Its input has ended. Start it again if it has to be given more.",
  "process.log_directory_unusable": ASK,
  "process.limit": "End some by bash_kill; bash_output without a process lists them.",
  ENOENT: ({ root }) => `Paths are relative to ${root}. Look for it with glob or list.`,
  EACCES: "The user of this place may not do that.",
  EPERM: "The user of this place may not do that.",
  EISDIR: "Name a file; the tool list tells what is in a directory.",
  EINVAL: "Give another path.",
  EEXIST: "Choose another name, or remove it first by a command.",
  EMFILE: "Try again, with fewer files at once.",
  EBADF: ASK,
  "fs.outside_workspace": whereToStay,
  "fs.not_a_regular_file": "It is a pipe, a socket or a device: use a command.",
  "fs.timeout": "Try again, or use another path.",
  "fs.too_large": "Read a part of it, with offset and limit, or use a command.",
  "fs.encoding_invalid": "Use a command.",
  "edit.ambiguous": "Give more of the lines around it; file_edit has replace_all: true for all of them.",
  "edit.invalid": "The tool's description says what can be done.",
  "patch.invalid": "The description of apply_patch shows the forms of patches.",
  "search.pattern_invalid": "Escape what is meant literally, or set literal: true.",
  "tool.hook_failed": ASK,
};

/** What is told of a call, or a part of it, that failed: to the model, and to programs. Without secrets. */
export function toldError(context: ToolContext, error: BerthError): NonNullable<ToolResult["error"]> {
  const code = errorEntry(error.code) === undefined ? "internal" : (error.code as ErrorCode);
  return {
    code,
    message: context.mask(messageOf(context, error)),
    hint: context.mask(hintOf(context, code, error)),
  };
}

function hintOf(context: ToolContext, code: ErrorCode, error: BerthError): string {
  const hint = HINTS[code];
  const isRegistrys = error.hint === berthError(code, { context: error.context }).hint;
  if (hint === undefined || !isRegistrys) return error.hint;
  return typeof hint === "string" ? hint : hint(context, error);
}

/** The path as the model names it. */
function messageOf(context: ToolContext, { message, path }: BerthError): string {
  if (path === undefined || !path.startsWith("/")) return message;
  const name = namedPath(context, path);
  // Where other letters of a path go on, it is another one.
  return message
    .split(path)
    .reduce(
      (text, rest) => text + (/[\w.-]$/.test(text) || /^(?:[\w/-]|\.\w)/.test(rest) ? path : name) + rest,
    );
}

function whereToStay({ root, extraRoots }: ToolContext, { path = "" }: BerthError): string {
  const others =
    extraRoots.length === 0 ? "" : `; these further directories may be used: ${extraRoots.join(", ")}`;
  const home = path.startsWith("~") ? " ~ is not known here." : "";
  return `Stay in ${root}${others}.${home}`;
}
