import { type CallScope, defineTool } from "../define.ts";
import type { PlaceShell } from "../shell.ts";
import type { Tool, ToolContext } from "../tool.ts";
import { bashTool } from "./bash.ts";
import { bashInputTool } from "./bash-input.ts";
import { bashKillTool } from "./bash-kill.ts";
import { bashOutputTool } from "./bash-output.ts";
import { Commands } from "./commands.ts";

/** The tools that run commands, and what they share. */
export interface BashTools {
  readonly list: readonly Tool[];
  toBackground(callId: string, stays: boolean): Promise<string | undefined>;
  /** Ends what was started and is not to stay. */
  close(): Promise<void>;
}

export function bashTools(context: ToolContext, scope: CallScope, shell: PlaceShell): BashTools {
  const commands = new Commands(context, shell);
  const followers = commands.canFollow
    ? [
        defineTool(context, scope, bashOutputTool(commands)),
        defineTool(context, scope, bashInputTool(commands)),
        defineTool(context, scope, bashKillTool(commands)),
      ]
    : [];
  return {
    list: [defineTool(context, scope, bashTool(commands)), ...followers],
    toBackground: (callId, stays) => commands.foreground.toBackground(callId, stays),
    close: () => commands.known.close(),
  };
}
