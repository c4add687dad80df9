import { type BerthError, berthError, isBerthError, toBerthError } from "../contract/errors.ts";
import type { Runtime } from "../contract/runtime.ts";
import { createTools } from "../tools/create.ts";
import type { ToolOptions, ToolResult, Tools } from "../tools/tool.ts";

/** A place that is open; disposed when the conversation needs it no more. */
export interface OpenPlace extends AsyncDisposable {
  readonly runtime: Runtime;
}

export interface ConversationOptions {
  /** Where it works, in the words that it was asked for with. */
  readonly where: string;
  readonly open: (signal: AbortSignal) => Promise<OpenPlace>;
  readonly tools: ToolOptions;
  /** Told each time the place is open and its tools are made. */
  readonly onOpened?: (runtime: Runtime) => void;
  readonly onFailed?: (error: BerthError) => void;
}

/** Narrows the directory that the tools work in, once the place is known; undefined leaves it. */
export type ChooseRoot = (runtime: Runtime) => Promise<string | undefined>;

/** Opened anew by the next call: what these say does not pass by itself. */
const OVER = ["runtime.closed", "docker.container_not_running"] as const;

/**
 * One client's hands: tools on a place that is opened when it is first needed, and again after it could not be. What the
 * client has seen and started is kept here, and ends with it.
 */
export class Conversation implements AsyncDisposable {
  readonly where: string;
  readonly readOnly: boolean;
  /** The client was told the tools of a place that was not reached then. */
  isListOld = false;
  readonly #options: ConversationOptions;
  readonly #end = new AbortController();
  #chooseRoot: ChooseRoot = async () => undefined;
  #place: Promise<OpenPlace> | undefined;
  #tools: Promise<Tools> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.where = options.where;
    this.readOnly = options.tools.readOnly === true;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  get toolOptions(): ToolOptions {
    return this.#options.tools;
  }

  /** Of the client that has come; asked before its tools are made. */
  set chooseRoot(choose: ChooseRoot) {
    this.#chooseRoot = choose;
  }

  /** Begins to open the place, so that the first call finds it. */
  begin(): void {
    this.#opened().catch(() => undefined);
  }

  /** The tools, once the place is open. @throws what opening throws; the next one tries again */
  tools(): Promise<Tools> {
    if (this.closed) return Promise.reject(berthError("runtime.closed"));
    if (this.#tools !== undefined) return this.#tools;
    const made = this.#make();
    this.#tools = made;
    made.catch((error: unknown) => {
      if (this.#tools === made) this.#tools = undefined;
      this.#options.onFailed?.(toBerthError(error, "client"));
    });
    return made;
  }

  async #make(): Promise<Tools> {
    const { runtime } = await this.#opened();
    const { tools: options } = this.#options;
    try {
      const root = options.root ?? (await this.#chooseRoot(runtime));
      const tools = await createTools(runtime, root === undefined ? options : { ...options, root });
      this.#options.onOpened?.(runtime);
      return tools;
    } catch (error) {
      if (isOver(error)) await this.#letGo();
      throw error;
    }
  }

  #opened(): Promise<OpenPlace> {
    if (this.#place !== undefined) return this.#place;
    const opening = this.#options.open(this.#end.signal);
    this.#place = opening;
    opening.catch(() => {
      if (this.#place === opening) this.#place = undefined;
    });
    return opening;
  }

  /** After a call: a place that is gone for good is opened anew by the next one. */
  async look(result: ToolResult): Promise<void> {
    if (result.error !== undefined && !this.closed && isOver(result.error)) await this.#letGo();
  }

  async #letGo(): Promise<void> {
    const [tools, place] = [this.#tools, this.#place];
    this.#tools = undefined;
    this.#place = undefined;
    await (await settled(tools))?.close().catch(ignoreBerthError);
    await (await settled(place))?.[Symbol.asyncDispose]();
  }

  /** Ends what the client has started, calls under way and an opening included, and leaves the place. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#end.abort(berthError("operation.aborted", { message: "the client is gone" }));
      await this.#letGo();
    })();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isOver(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code;
  return OVER.some((one) => one === code);
}

async function settled<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  return await promise?.catch(() => undefined);
}

/** What the place can't be told of now is ended by its lease. */
function ignoreBerthError(error: unknown): void {
  if (!isBerthError(error)) throw error;
}
