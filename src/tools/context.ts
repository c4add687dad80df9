import { berthError } from "../contract/errors.ts";
import { HELD_SECRETS } from "../contract/mask.ts";
import type { Runtime } from "../contract/runtime.ts";
import { createSeenFiles } from "./files/seen.ts";
import { toolLimits } from "./limits.ts";
import { normalPath } from "./paths.ts";
import type { ToolContext, ToolOptions } from "./tool.ts";

/** A request takes 64, of which one is that of a whole output. */
const MAX_EXTRA_ROOTS = 63;

/** What the tools of one conversation share. @throws config.invalid */
export function createContext(runtime: Runtime, options: ToolOptions): ToolContext {
  const extraRoots = [...new Set((options.extraRoots ?? []).map((path) => normalPath("extraRoots", path)))];
  if (extraRoots.length > MAX_EXTRA_ROOTS) {
    throw berthError("config.invalid", {
      message: `extraRoots has to be ${MAX_EXTRA_ROOTS} directories at most`,
      context: { field: "extraRoots" },
    });
  }
  const mask = (text: string) => HELD_SECRETS.text(text);
  return {
    runtime,
    root: normalPath("root", options.root ?? runtime.workdir),
    extraRoots,
    outputs: new Set(),
    options,
    limits: toolLimits(options.limits),
    seen: createSeenFiles(),
    mask,
    maskOutput: options.maskOutput === false ? (text) => text : mask,
  };
}
