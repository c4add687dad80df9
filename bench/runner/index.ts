import type { Bench } from "../report.ts";
import { benchCommands, benchElsewhere } from "./commands.ts";
import { benchScale } from "./scale.ts";
import { benchStart } from "./start.ts";
import { benchViewers } from "./viewers.ts";

/** The runner: its API, attached clients, many processes, its start. */
export async function benchRunner(bench: Bench): Promise<void> {
  const parts = [
    ["command", benchCommands],
    ["container", benchElsewhere],
    ["viewers", benchViewers],
    ["scale", benchScale],
    ["start", benchStart],
  ] as const;
  for (const [name, part] of parts) if (bench.wanted(name)) await part(bench);
}
