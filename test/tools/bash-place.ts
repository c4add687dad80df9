import type { Runtime } from "../../src/contract/runtime.ts";
import { TestPlace } from "../../src/runtimes/daemon/testing.ts";
import { createTools } from "../../src/tools/create.ts";
import type { ToolCallOptions, ToolOptions, ToolResult, Tools } from "../../src/tools/tool.ts";

/** A conversation's tools in a place of its own, with everything that it needs to be closed. */
export interface BashPlace extends AsyncDisposable {
  readonly place: TestPlace;
  readonly runtime: Runtime;
  readonly tools: Tools;
  /** The text that the model gets. */
  text(name: string, input: unknown, options?: ToolCallOptions): Promise<string>;
  bash(command: string, input?: Readonly<Record<string, unknown>>): Promise<ToolResult>;
}

export async function bashPlace(options: ToolOptions = {}): Promise<BashPlace> {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await TestPlace.open());
  const runtime = stack.use(await place.runtime());
  const tools = stack.use(await createTools(runtime, options));
  const held = stack.move();
  return {
    place,
    runtime,
    tools,
    text: async (name, input, callOptions) => textOf(await tools.call(name, input, callOptions)),
    bash: (command, input = {}) => tools.call("bash", { command, ...input }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

export function textOf(result: ToolResult): string {
  return result.content.map((part) => (part.type === "text" ? part.text : `(${part.type})`)).join("\n");
}

/** What a command's structured result holds. */
export interface CommandOutput {
  readonly output: string;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly timed_out: boolean;
  readonly running: boolean;
  readonly cut: boolean;
  readonly output_bytes: number;
  readonly duration_ms: number | null;
  readonly process: string;
  readonly output_file?: string;
  readonly found?: boolean;
  readonly cursor?: number;
}

export function outputOf(result: ToolResult): CommandOutput {
  if (result.isError) throw new Error(textOf(result));
  return result.output as CommandOutput;
}
