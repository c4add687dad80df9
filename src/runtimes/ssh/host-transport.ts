import type { OpenOptions } from "../../contract/runtime.ts";
import { sharedSshPool } from "../../transports/ssh/pool.ts";
import type { SshTarget } from "../../transports/ssh/target.ts";
import { createSshTransport, type SshTransport } from "../../transports/ssh/transport.ts";

/** The way to a host over the connections of this process, as the caller wants to wait and be asked. */
export function hostTransport(
  target: SshTarget,
  { onPrompt, maxWaitMs, onWait }: Pick<OpenOptions, "onPrompt" | "maxWaitMs" | "onWait">,
): SshTransport {
  return createSshTransport({ target, pool: sharedSshPool(), onPrompt, maxWaitMs, onWait });
}
