import { VERSION } from "../contract/version.ts";
import type { RunnerContext } from "./context.ts";
import type { Handlers } from "./handlers.ts";

/** What the runner says of itself to everybody. */
export function aboutHandlers({
  instanceId,
  stopping,
}: Pick<RunnerContext, "instanceId" | "stopping">): Handlers<"health"> {
  return {
    health: () => ({
      status: 200,
      body: { status: stopping.aborted ? "stopping" : "ok", version: VERSION, instance_id: instanceId },
    }),
  };
}
