import { dirname, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type YAMLError } from "yaml";
import {
  unreadBerthFileSchema,
  type WorkspaceSettings,
  type WrittenWorkspaceSettings,
} from "../contract/berth-file.ts";
import { describeIssue, parseRuntimeConfig, type RuntimeConfig } from "../contract/config.ts";
import { parseDuration } from "../contract/duration.ts";
import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";
import { isRuntimeUri, parseRuntimeUri } from "../contract/uri.ts";
import { RUNTIME_TYPES } from "./factory.ts";
import { unknownRuntime } from "./runtime-names.ts";

const MAX_FILE_BYTES = 1024 * 1024;

export interface BerthFile {
  readonly path: string;
  readonly runtimes: ReadonlyMap<string, RuntimeConfig>;
  /** Runtimes of types that this version does not have. They are in nobody's way until one is used. */
  readonly later: ReadonlyMap<string, LaterRuntime>;
  /** A name of `runtimes` or `later`, or a URI. */
  readonly defaultName: string | undefined;
  /** `runtime` is a name of `runtimes` or `later`, or a URI. */
  readonly workspaces: WorkspaceSettings;
}

export interface LaterRuntime {
  readonly type: string;
  /** As the file has it. */
  readonly value: unknown;
  /** What its use is answered with: names file and line. */
  readonly error: BerthError;
}

/** Reads the text of a `berth.yaml`. Relative workdirs of `local` runtimes are relative to the file. */
export function parseBerthFile(text: string, path: string): BerthFile {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw invalidFile(path, undefined, "it is larger than 1 MiB");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true, prettyErrors: false });
  const problem: YAMLError | undefined = document.errors[0];
  if (problem !== undefined)
    throw invalidFile(path, lineCounter.linePos(problem.pos[0]).line, problem.message);
  const lineOf = (keys: readonly PropertyKey[]) => lineOfKey(document.contents, keys, lineCounter);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (cause) {
    throw invalidFile(path, undefined, (cause as Error).message);
  }
  const parsed = unreadBerthFileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    const keys = [...(issue?.path ?? []), ...unknown];
    throw invalidFile(path, lineOf(keys), issue === undefined ? "it is not valid" : describeIssue(issue));
  }
  const runtimes = new Map<string, RuntimeConfig>();
  const later = new Map<string, LaterRuntime>();
  for (const [name, written] of Object.entries(parsed.data.runtimes)) {
    const read = readRuntime(name, written, path, lineOf);
    if ("error" in read) later.set(name, read);
    else runtimes.set(name, read);
  }
  const { default: defaultName, workspaces } = parsed.data;
  const known = [...runtimes.keys(), ...later.keys()];
  for (const [asked, keys] of [
    [defaultName, ["default"]],
    [workspaces.runtime, ["workspaces", "runtime"]],
  ] as const) {
    if (asked === undefined || known.includes(asked)) continue;
    if (!isRuntimeUri(asked)) throw located(unknownRuntime(asked, known), path, lineOf(keys));
  }
  return { path, runtimes, later, defaultName, workspaces: settings(workspaces) };
}

function settings({ updateTimeout, ...rest }: WrittenWorkspaceSettings): WorkspaceSettings {
  return updateTimeout === undefined ? rest : { ...rest, updateTimeoutMs: parseDuration(updateTimeout) };
}

/** The line of the innermost key that the file has. */
function lineOfKey(
  contents: unknown,
  keys: readonly PropertyKey[],
  lineCounter: LineCounter,
): number | undefined {
  let node = contents;
  let line: number | undefined;
  for (const key of keys) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
    if (pair === undefined) break;
    const start = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
    if (start !== undefined) line = lineCounter.linePos(start).line;
    node = pair.value;
  }
  return line;
}

function readRuntime(
  name: string,
  value: unknown,
  path: string,
  lineOf: (keys: readonly PropertyKey[]) => number | undefined,
): RuntimeConfig | LaterRuntime {
  try {
    const config =
      typeof value === "string" ? parseRuntimeUri(value) : parseRuntimeConfig(value, `runtimes.${name}`);
    if (config.type === "remote") {
      if (config.token === undefined) return config;
      throw berthError("config.invalid", {
        message: `runtimes.${name}: token: a project's file does not say which secret goes to which runner`,
        hint: "Leave it out, and set BERTH_RUNNER to the runner's address and BERTH_RUNNER_TOKEN to its token.",
        context: { fields: ["token"] },
      });
    }
    if (config.workspace !== undefined) {
      throw berthError("config.invalid", {
        message: `runtimes.${name}: workspace: is set by Berth alone`,
        hint: "Leave it out; berth workspace create -r NAME makes a workspace there.",
        context: { fields: ["workspace"] },
      });
    }
    if (config.type === "local" && config.workdir !== undefined && !config.workdir.startsWith("~")) {
      return { ...config, workdir: resolve(dirname(path), config.workdir) };
    }
    return config;
  } catch (cause) {
    if (!isBerthError(cause)) throw cause;
    const fields = Array.isArray(cause.context.fields) ? (cause.context.fields as readonly string[]) : [];
    const error = located(cause, path, lineOf(["runtimes", name, ...(fields[0]?.split(".") ?? [])]));
    const type = laterType(value, cause);
    if (type !== undefined) return { type, value, error };
    throw error;
  }
}

/** The type that only another version has, if that is what is wrong. */
function laterType(value: unknown, error: BerthError): string | undefined {
  if (isBerthError(error, "runtime.type_unsupported")) return String(error.context.type);
  const type = typeof value === "object" && value !== null ? (value as { type?: unknown }).type : undefined;
  return typeof type === "string" && !(RUNTIME_TYPES as readonly string[]).includes(type) ? type : undefined;
}

/** The error of a file that is not valid, with its line where that is known. */
export function invalidFile(path: string, line: number | undefined, reason: string): BerthError {
  const where = line === undefined ? path : `${path}:${line}`;
  return berthError("config.file_invalid", {
    message: `${where}: ${reason}`,
    // The usual cause: YAML takes the colon of an unquoted `local:` for a mapping's.
    ...(/nested mapping/i.test(reason) ? { hint: 'Quote a URI that ends with a colon: "local:".' } : {}),
    context: { path, reason, ...(line === undefined ? {} : { line }) },
  });
}

/** The same error, with file and line. */
function located(error: BerthError, path: string, line: number | undefined): BerthError {
  const where = line === undefined ? path : `${path}:${line}`;
  return berthError(error.code as Parameters<typeof berthError>[0], {
    message: `${where}: ${error.message}`,
    hint: error.hint,
    context: { ...error.context, path, ...(line === undefined ? {} : { line }) },
    cause: error,
  });
}
