import type { BerthEventInput } from "../../contract/events.ts";
import type { Method, Params } from "../../wire/messages.ts";
import type { CheckedRequest } from "./request-rules.ts";

const MAX_PATH_CHARACTERS = 1_000;

/** What a request that changes something does, for the log: said when the daemon has answered. */
export interface RequestTrace {
  readonly method: Method;
  /** The event of its success, made of the daemon's answer. */
  readonly done: (result: unknown) => BerthEventInput;
}

type Teller<M extends Method> = (params: Params<M>) => RequestTrace["done"];

const file =
  (type: string, word: string) =>
  ({ path }: { readonly path: string }) =>
  (result: unknown): BerthEventInput => ({
    type,
    message: `${cut(path)} was ${word}`,
    data: { path: cut(path), ...numbers(result) },
  });

const process =
  (type: string, words: string) =>
  ({ id, ...rest }: { readonly id: string; readonly signal?: string | undefined }) =>
  (): BerthEventInput => ({
    type,
    message: words,
    processId: cut(id),
    ...(rest.signal === undefined ? {} : { data: { signal: cut(rest.signal) } }),
  });

/** Methods that change something. Starts and ends of processes are told by the daemon as well, with what it knows. */
const TELLERS: { readonly [M in Method]?: Teller<M> } = {
  "process.start": () => (result) => ({
    type: "process.requested",
    message: "a command was started through the runner",
    ...processOf(result),
  }),
  "process.signal": process("process.signalled", "a process was sent a signal"),
  "process.kill": process("process.killed", "a process was asked to end"),
  "process.detach": (params) =>
    params.keepsLease
      ? process("process.moved", "a command was moved to the background")(params)
      : process("process.detached", "a process was given no lease")(params),
  "process.remove": process("process.removed", "a process and its log were removed"),
  "process.stdin": process("process.input", "a process is written to"),
  "fs.write": file("file.written", "written"),
  "fs.mkdir": file("file.directory_made", "made"),
  "fs.rm": file("file.removed", "removed"),
  "fs.chmod": file("file.mode_changed", "given another mode"),
  "fs.symlink": file("file.linked", "made, a link"),
  "fs.upload": file("file.uploaded", "filled from an archive"),
  "fs.rename":
    ({ from, to }) =>
    () => ({
      type: "file.renamed",
      message: `${cut(from)} was renamed`,
      data: { path: cut(from), to: cut(to) },
    }),
  "port.connect":
    ({ port, host }) =>
    () => ({
      type: "port.connected",
      message: `port ${port} of the place was connected to`,
      data: { port, ...(host === undefined ? {} : { host: cut(host) }) },
    }),
  "port.listen": () => (result) => ({
    type: "port.listening",
    message: "a port of the place leads to a client of the runner",
    data: numbers(result),
  }),
};

/** undefined for a request that changes nothing. */
export function traceOf({ method, params }: CheckedRequest): RequestTrace | undefined {
  const teller = TELLERS[method] as Teller<Method> | undefined;
  return teller === undefined ? undefined : { method, done: teller(params) };
}

/** Of the daemon's answer only numbers, and the id of a process: it may be any place's. */
function numbers(result: unknown): Record<string, number> {
  const fields = (typeof result === "object" && result !== null ? result : {}) as Record<string, unknown>;
  const names = ["bytes", "files", "port"] as const;
  return Object.fromEntries(
    names.flatMap((name) => (typeof fields[name] === "number" ? [[name, fields[name]]] : [])),
  );
}

function processOf(result: unknown): Pick<BerthEventInput, "processId"> {
  const id = (result as { process?: { id?: unknown } } | null | undefined)?.process?.id;
  return typeof id === "string" ? { processId: cut(id) } : {};
}

function cut(text: string): string {
  return text.length > MAX_PATH_CHARACTERS ? `${text.slice(0, MAX_PATH_CHARACTERS)}…` : text;
}
