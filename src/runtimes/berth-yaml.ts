import { dirname, resolve } from "node:path";
import { isMap, isScalar, LineCounter, parseDocument, type YAMLError } from "yaml";
import * as z from "zod";
import { describeIssue, parseRuntimeConfig, type RuntimeConfig } from "../contract/config.ts";
import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";
import { isRuntimeUri, parseRuntimeUri } from "../contract/uri.ts";
import { unknownRuntime } from "./runtime-names.ts";

const MAX_FILE_BYTES = 1024 * 1024;

/** What `berth.yaml` of a project may hold. */
const fileSchema = z.strictObject({
  /** Runtimes by name: a configuration, or a URI. */
  runtimes: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, {
        message: "a name is letters, digits, dot, dash and underscore, starting with a letter or digit",
      }),
      z.unknown(),
    )
    .default({}),
  /** The runtime that is used when none is asked for. */
  default: z.string().optional(),
});

export interface BerthFile {
  readonly path: string;
  readonly runtimes: ReadonlyMap<string, RuntimeConfig>;
  /** A name of `runtimes`, or a URI. */
  readonly defaultName: string | undefined;
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
  const parsed = fileSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const unknown = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    const keys = [...(issue?.path ?? []), ...unknown];
    throw invalidFile(path, lineOf(keys), issue === undefined ? "it is not valid" : describeIssue(issue));
  }
  const runtimes = new Map<string, RuntimeConfig>();
  for (const [name, config] of Object.entries(parsed.data.runtimes)) {
    runtimes.set(name, readRuntime(name, config, path, lineOf));
  }
  const { default: defaultName } = parsed.data;
  if (defaultName !== undefined && !isRuntimeUri(defaultName) && !runtimes.has(defaultName)) {
    throw located(unknownRuntime(defaultName, runtimes.keys()), path, lineOf(["default"]));
  }
  return { path, runtimes, defaultName };
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
): RuntimeConfig {
  try {
    const config =
      typeof value === "string" ? parseRuntimeUri(value) : parseRuntimeConfig(value, `runtimes.${name}`);
    if (config.type === "local" && config.workdir !== undefined && !config.workdir.startsWith("~")) {
      return { ...config, workdir: resolve(dirname(path), config.workdir) };
    }
    return config;
  } catch (error) {
    if (!isBerthError(error)) throw error;
    const fields = Array.isArray(error.context.fields) ? (error.context.fields as readonly string[]) : [];
    throw located(error, path, lineOf(["runtimes", name, ...(fields[0]?.split(".") ?? [])]));
  }
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
