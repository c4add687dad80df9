import type { SshHealth } from "../../transports/ssh/pool-health.ts";

export type { SshHealth } from "../../transports/ssh/pool-health.ts";

/**
 * The hosts that this process has connected to, or tried to: how each one is, its last success and failure, when it is
 * tried again, how often it was in the last minute, and its connections, sessions and waiting commands. Connects to
 * nothing.
 */
export async function sshHealth(): Promise<readonly SshHealth[]> {
  // Who uses no SSH does not load it.
  const { sharedSshPool } = await import("../../transports/ssh/pool.ts");
  return sharedSshPool().states();
}
