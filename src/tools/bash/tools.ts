import type { CallScope } from "../define.ts";
import type { PlaceShell } from "../shell.ts";
import type { Tool, ToolContext } from "../tool.ts";

/** The tools that run commands, and what they share. */
export interface BashTools {
  readonly list: readonly Tool[];
  toBackground(callId: string): Promise<string | undefined>;
  close(): Promise<void>;
}

export function bashTools(_context: ToolContext, _scope: CallScope, _shell: PlaceShell): BashTools {
  return { list: [], toBackground: async () => undefined, close: async () => {} };
}
