import { berthError } from "../contract/errors.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import type { Runtime } from "../contract/runtime.ts";
import { bashTools } from "./bash/tools.ts";
import { createContext } from "./context.ts";
import { type CallScope, failed } from "./define.ts";
import { fileTools } from "./files/tools.ts";
import { placeShell } from "./shell.ts";
import type { Tool, ToolContext, ToolOptions, Tools, ToolTarget } from "./tool.ts";

/**
 * The tools of one conversation with a model, on an open runtime or workspace, which stays the caller's. Asks the place
 * once in the life of a runtime which shell it has, and nothing else before the first call.
 * @throws config.invalid, runtime.capability_unsupported for a tool that is asked for by name, what exec throws
 */
export async function createTools(target: Runtime | ToolTarget, options: ToolOptions = {}): Promise<Tools> {
  const runtime = "runtime" in target ? target.runtime : target;
  const context = createContext(runtime, options);
  const shell = options.readOnly === true ? undefined : await placeShell(runtime);
  const calls = new Calls();
  const bash = shell === undefined ? undefined : bashTools(context, calls, shell);
  const all: readonly Tool[] = [...(bash?.list ?? []), ...fileTools(context, calls)];
  const list = chosen(all, context);
  const held = (options.secrets ?? []).map((value) => HELD_SECRETS.add(value));
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= (async () => {
      try {
        await Promise.all([calls.end(), bash?.close()]);
      } finally {
        for (const one of held) one[Symbol.dispose]();
      }
    })();
    return closing;
  };
  const get = (name: string) => list.find((tool) => tool.name === name);
  return {
    list,
    context,
    get,
    call: async (name, input, callOptions) =>
      (await get(name)?.call(input, callOptions)) ??
      failed(context, berthError("tool.unknown", { context: { name: String(name).slice(0, 100) } })),
    background: async (callId, { stays = false } = {}) => await bash?.toBackground(callId, stays),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function chosen(all: readonly Tool[], { options, runtime }: ToolContext): readonly Tool[] {
  const allowed = options.readOnly === true ? all.filter(({ readOnly }) => readOnly) : all;
  if (options.tools === undefined) return allowed;
  return [...new Set(options.tools)].map((name) => {
    const tool = allowed.find((one) => one.name === name);
    if (tool !== undefined) return tool;
    throw berthError("runtime.capability_unsupported", {
      runtime: runtime.description,
      message: `the tool ${name} is not available ${options.readOnly === true ? "when nothing may be changed" : "in this runtime"}`,
      context: { capability: name },
    });
  });
}

/** The calls under way, which end with the tools. */
class Calls implements CallScope {
  readonly #end = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  async track<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    try {
      return await call;
    } finally {
      this.#running.delete(call);
    }
  }

  async end(): Promise<void> {
    this.#end.abort(
      berthError("runtime.closed", {
        message: "the tools were closed",
      }),
    );
    await Promise.allSettled(this.#running);
  }
}
