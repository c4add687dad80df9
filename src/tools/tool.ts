import type * as z from "zod";
import type { ErrorCode } from "../contract/error-registry.ts";
import type { Runtime } from "../contract/runtime.ts";
import type { FileVersion } from "../contract/text.ts";
import type { ToolHooks } from "./hooks.ts";
import type { ToolLimits } from "./limits.ts";

/** A part of what a model is shown. */
export type ToolContent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "image"; readonly mediaType: string; readonly data: Uint8Array };

/** What a call came to. It is never thrown: a model has to be told of failures as of results. */
export interface ToolResult<Output = unknown> {
  readonly isError: boolean;
  /** For programs; missing when the call failed. */
  readonly output?: Output | undefined;
  /** Of a call that failed. */
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint: string } | undefined;
  /** For the model: masked and within the limits. */
  readonly content: readonly ToolContent[];
}

export interface ToolCallOptions {
  /** Ends what the call has started, and settles it with operation.aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Told what a command writes while it runs, in order, decoded and masked as in the result, not limited. */
  readonly onOutput?: ((text: string) => void) | undefined;
  /** For hooks and events; default: a new one. */
  readonly callId?: string | undefined;
}

/** One tool: what a model is told of it, and what it does. */
export interface Tool<Input = unknown, Output = unknown> {
  readonly name: ToolName;
  /** A few words for people. */
  readonly title: string;
  /** For the model, as it is in this place: which shell commands run in, what the limits are. */
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  /** Changes nothing in the place. */
  readonly readOnly: boolean;
  /** May remove or overwrite what is there. */
  readonly destructive: boolean;
  /** `input` is checked; what does not fit is a result with tool.input_invalid, and nothing was done. */
  call(input: unknown, options?: ToolCallOptions): Promise<ToolResult<Output>>;
}

export const TOOL_NAMES = [
  "bash",
  "bash_output",
  "bash_input",
  "bash_kill",
  "file_read",
  "file_write",
  "file_edit",
  "apply_patch",
  "list",
  "glob",
  "grep",
] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

/** Where tools work: a runtime, or an opened workspace. */
export interface ToolTarget {
  readonly runtime: Runtime;
}

export interface ToolOptions {
  /** Which tools, in this order. Default: all that the runtime can have (and `readOnly` allows). */
  readonly tools?: readonly ToolName[];
  /** Absolute path in the place that relative ones begin at, and that all have to stay in. Default: the runtime's workdir. */
  readonly root?: string;
  /** Further directories of the place that the file tools may use. */
  readonly extraRoots?: readonly string[];
  /** Only tools that change nothing: no commands either. Default false. */
  readonly readOnly?: boolean;
  readonly limits?: Partial<ToolLimits>;
  readonly hooks?: ToolHooks;
  readonly bash?: BashOptions;
  readonly files?: FileToolOptions;
  /** Values that no model may see; besides those that Berth holds for the runtime. */
  readonly secrets?: readonly string[];
  /** Also in what commands write and files hold, not only in what Berth itself says. Default true. */
  readonly maskOutput?: boolean;
}

export interface BashOptions {
  /** Milliseconds a command has when the model says nothing, and at most. Default 120,000 and 600,000. */
  readonly timeoutMs?: number;
  readonly maxTimeoutMs?: number;
  /** Sets CI=true. Default false. */
  readonly ci?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  /** Milliseconds that background commands live on when this program is gone without an end. Default: of `spawn`. */
  readonly leaseMs?: number;
  /** Colours and other escape sequences in what the model sees. Default "strip". */
  readonly ansi?: "strip" | "keep";
}

export interface FileToolOptions {
  /**
   * A file that is there is overwritten, and lines are inserted by number, only when it was read in this conversation.
   * Default true. An edit by its old text, or a patch, proves by itself that the file is known.
   */
  readonly requireRead?: boolean;
}

/** What the tools of one `createTools` share: one conversation's hands. */
export interface ToolContext {
  readonly runtime: Runtime;
  readonly root: string;
  readonly extraRoots: readonly string[];
  /** Directories of whole outputs that the model was told of: it may read there, and change nothing. */
  readonly outputs: Set<string>;
  readonly options: ToolOptions;
  readonly limits: ToolLimits;
  /** Files as the model has seen them. */
  readonly seen: SeenFiles;
  /** Without secrets: for what Berth itself says. */
  mask(text: string): string;
  /** For what commands write and files hold: as `mask`, unless `maskOutput` is false. */
  maskOutput(text: string): string;
}

/** What a model knows of files, so that an edit of one that was changed meanwhile is refused. */
export interface SeenFiles {
  /** `lines`: those that were shown, kept as long as there is room for them. */
  saw(path: string, version: FileVersion, lines?: ReadonlyMap<number, string>): void;
  version(path: string): FileVersion | undefined;
  lines(path: string): ReadonlyMap<number, string> | undefined;
  forget(path: string): void;
  /**
   * Runs what reads or changes these files when nothing else of the conversation does: calls at once come one after the
   * other, each with what the one before has learned.
   */
  inTurn<T>(paths: readonly string[], action: () => Promise<T>): Promise<T>;
}

/** The tools of one conversation. */
export interface Tools extends AsyncDisposable {
  readonly list: readonly Tool[];
  /** What the tools share, for whoever shows files and processes beside them. */
  readonly context: ToolContext;
  get(name: string): Tool | undefined;
  /** As `Tool.call`; an unknown name is tool.unknown. */
  call(name: string, input: unknown, options?: ToolCallOptions): Promise<ToolResult>;
  /**
   * Moves the command of a running `bash` call to the background: the call returns with what was written until then and the
   * id, and `bash_output` goes on with the next byte. It ends as other background commands do, unless it `stays`. Gives the
   * id of the process; undefined, and the call goes on as before, when no command of that call runs, or the place has no
   * daemon (`runtime.capabilities.daemon` tells that before). @throws transport.disconnected and what else asking gives
   */
  background(callId: string, options?: { readonly stays?: boolean }): Promise<string | undefined>;
  /**
   * Ends the calls under way and, at once, the background commands that the conversation has started, unless they were
   * asked to stay. Later calls are runtime.closed.
   */
  close(): Promise<void>;
}
