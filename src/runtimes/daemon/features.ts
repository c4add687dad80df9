import { berthError } from "../../contract/errors.ts";
import type { Hello } from "../../wire/messages.ts";
import type { DaemonRuntimeOptions } from "./options.ts";

/**
 * Refuses a daemon that would drop what it does not know of these options: names of two workspaces would meet in it, and
 * logs would be elsewhere than asked for.
 * @throws wire.feature_unknown
 */
export function requireFeatures(
  hello: Hello,
  { workspace, processLogDir }: Pick<DaemonRuntimeOptions, "workspace" | "processLogDir">,
): void {
  if (workspace !== undefined) requireFeature(hello, "workspaces");
  if (processLogDir !== undefined) requireFeature(hello, "logDirectory");
}

/** Refuses a daemon that would let a client of one workspace find processes of another. @throws wire.feature_unknown */
export function requireScopes(hello: Hello): void {
  requireFeature(hello, "scopedProcesses");
}

/** Refuses a daemon for which a connection alone would keep a process. @throws wire.feature_unknown */
export function requireKeptByReaders(hello: Hello): void {
  requireFeature(hello, "keptByReaders");
}

/** Refuses a daemon that would keep no file of the output. @throws wire.feature_unknown */
export function requireKeepOutput(hello: Hello): void {
  requireFeature(hello, "keepOutput");
}

/** Refuses a daemon that would end a command in the background by its timeout. @throws wire.feature_unknown */
export function requireBackground(hello: Hello): void {
  requireFeature(hello, "background");
}

/** Refuses a daemon that knows nothing of texts and their changes. @throws wire.feature_unknown */
export function requireText(hello: Hello): void {
  requireFeature(hello, "text");
}

/** Refuses a daemon that can't search. @throws wire.feature_unknown */
export function requireSearch(hello: Hello): void {
  requireFeature(hello, "search");
}

/** Refuses a daemon that can't tell what listens. @throws wire.feature_unknown */
export function requirePorts(hello: Hello): void {
  requireFeature(hello, "ports");
}

const IN_WORDS = {
  workspaces: "workspaces",
  logDirectory: "processLogDir",
  scopedProcesses: "clients of a runner",
  keptByReaders: 'keptBy: "readers"',
  search: "search",
  text: "reading and changing texts",
  keepOutput: "keepOutput",
  background: "commands that go to the background",
  ports: "lists of ports",
} as const;

function requireFeature({ capabilities, version }: Hello, name: keyof typeof IN_WORDS): void {
  if (capabilities?.[name] === true) return;
  throw berthError("wire.feature_unknown", { context: { feature: IN_WORDS[name], version } });
}
