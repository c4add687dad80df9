import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import type { Scope } from "../api/route.ts";
import type { BerthError } from "../contract/errors.ts";
import type { BerthEventInput } from "../contract/events.ts";
import type { Secrets } from "../contract/mask.ts";
import type { Process, ProcessInfo } from "../contract/process.ts";
import type { Runtime } from "../contract/runtime.ts";
import type { Workspace } from "../contract/workspace.ts";
import type { EventLog } from "../events/event-log.ts";
import type { Workspaces } from "../workspaces/api.ts";
import type { TlsPair } from "./access/tls.ts";
import type { CounterName, GaugeName, HistogramName, LabelsOf } from "./observe/metric-table.ts";

/** Who calls, known by the token. */
export interface Caller {
  /** Of the token: "tok_…"; "local" for the token of the state directory. */
  readonly tokenId: string;
  /** Of the session by which a browser calls. */
  readonly sessionId?: string | undefined;
  readonly name: string;
  readonly scope: Scope;
  /** Ids of the workspaces that the token is limited to: everything else does not exist for it. undefined: all. */
  readonly workspaces: ReadonlySet<string> | undefined;
  readonly address: string;
  /** "req_…"; the `cause` of what the call brings about. */
  readonly requestId: string;
}

export interface RunnerOptions {
  readonly stateDirectory: string;
  /** Default 127.0.0.1. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly database?: string | undefined;
  readonly tls?: TlsPair | undefined;
  /** Plain HTTP on another address than loopback. */
  readonly insecure?: boolean | undefined;
  /** Host names besides the address itself that requests may name. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Previews are `<port>-<workspace>.<baseDomain>`. Default "localhost". */
  readonly baseDomain?: string | undefined;
  /** Address that users see, when a proxy is in front: "https://berth.example.com". */
  readonly publicUrl?: string | undefined;
  /** Addresses whose X-Forwarded-* headers are believed. */
  readonly trustedProxies?: readonly string[] | undefined;
  readonly eventKeepDays?: number | undefined;
  /** Calls a minute that a token, or an address without one, may make. Default 30,000. */
  readonly callsPerMinute?: number | undefined;
  /** Milliseconds without a request after which an MCP session is ended. Default 30 min. */
  readonly mcpIdleMs?: number | undefined;
  /** Files of the page. Default: those of this package. */
  readonly pageDirectory?: string | undefined;
  readonly logLevel?: string | undefined;
}

/** A place's connection, as pool, page and metrics show it. */
export interface PlaceHealth {
  readonly workspace: string;
  readonly state: "idle" | "connecting" | "connected" | "waiting" | "down";
  readonly error?: BerthError | undefined;
  /** Milliseconds until the next attempt. */
  readonly retryInMs?: number | undefined;
  readonly since: string;
}

/** Open runtimes of workspaces, one a workspace for all callers: kept while used, closed after a while without. */
export interface RuntimePool extends AsyncDisposable {
  /**
   * A lease on the workspace's runtime; opens it when nobody has. A failure is answered again during a backoff, with
   * `retryInMs` in its context, unless `retry`. A set-up that runs is waited for, unless `now`.
   * @throws what opening throws, workspace.interrupted, workspace.busy, runner.stopping, operation.aborted
   */
  lease(
    workspace: Workspace,
    signal?: AbortSignal,
    options?: { readonly retry?: boolean; readonly now?: boolean },
  ): Promise<RuntimeLease>;
  /** Of those that something is or was open of; all others are idle. */
  health(): readonly PlaceHealth[];
  /** Runtimes that are connected now, by id of their workspace: to look at, not to keep. */
  connected(): ReadonlyMap<string, Runtime>;
  /**
   * Closes a workspace's runtime: it was stopped, renamed or deleted. With `whenFree` (its configuration changed) it is
   * used to its end by who has a lease, and the next lease is one of a new runtime.
   */
  drop(workspaceId: string, options?: { readonly whenFree?: boolean }): Promise<void>;
}

export interface RuntimeLease extends Disposable {
  readonly runtime: Runtime;
}

/** Which workspace a process is in: ids are unique over all places. */
export interface ProcessIndex {
  /** Settles when a runner that is started again knows it, too. */
  add(workspaceId: string, ...processes: readonly Pick<ProcessInfo, "id">[]): Promise<void>;
  /** Ids of workspaces that had processes lately. */
  workspaces(): Promise<ReadonlySet<string>>;
  /**
   * By id, for this caller; its handle holds a lease on the runtime until it is disposed.
   * @throws process.unknown (also when the caller may not know it), process.reaped, what opening the place throws
   */
  find(id: string, caller: Caller, signal?: AbortSignal): Promise<FoundProcess>;
}

export interface FoundProcess extends Disposable {
  readonly workspace: Workspace;
  readonly process: Process;
  readonly info: ProcessInfo;
}

/** What every part of the runner works with; put together in one file, `assemble.ts`. */
export interface RunnerContext {
  readonly options: RunnerOptions;
  /** Differs after every start. */
  readonly instanceId: string;
  readonly startedAt: string;
  readonly workspaces: Workspaces;
  readonly runtimes: RuntimePool;
  readonly processes: ProcessIndex;
  readonly events: EventLog;
  readonly metrics: RunnerMetrics;
  readonly log: Logger;
  /** Values that are masked in events, log, errors and answers: whoever takes one over enters it here. */
  readonly secrets: Secrets;
  /** Appends with the cause and actor of the call that is being answered (AsyncLocalStorage). */
  readonly emit: (event: BerthEventInput) => void;
  /** A workspace that the caller may know. @throws workspace.unknown */
  readonly workspace: (selector: string, caller: Caller) => Promise<Workspace>;
  /** Aborted when the runner begins to stop. */
  readonly stopping: AbortSignal;
}

/** What parts of the runner count, by the table of metrics (observe/metric-table.ts). */
export interface RunnerMetrics {
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  gauge<Name extends GaugeName>(name: Name, value: number, labels: LabelsOf<Name>): void;
  /** Seconds into a histogram. */
  observe<Name extends HistogramName>(name: Name, seconds: number, labels: LabelsOf<Name>): void;
}

/** A call as a handler gets it: validated. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Of routes with `bytes`. */
  readonly stream?: AsyncIterable<Uint8Array>;
  readonly headers: IncomingMessage["headers"];
  /** What was kept of the answer (`kept`): the same call was answered before, and is to be told the same again. */
  readonly kept?: unknown;
  /** Address that the caller sees the runner at: "http://127.0.0.1:7777". */
  readonly origin: string;
  readonly caller: Caller;
  /** Aborted when the caller goes away, or the runner stops. */
  readonly signal: AbortSignal;
}

/**
 * A request to upgrade whose caller has been checked. To refuse it throws before `socket` is touched; the error is
 * answered as HTTP.
 */
export interface Upgrade<Params = unknown, Query = unknown> {
  readonly params: Params;
  readonly query: Query;
  readonly caller: Caller;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}
