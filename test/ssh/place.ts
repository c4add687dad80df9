import { createSshPool, type SshPool } from "../../src/transports/ssh/pool.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import type { SshTarget } from "../../src/transports/ssh/target.ts";
import { createSshTransport, type SshTransport } from "../../src/transports/ssh/transport.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { type SshBench, type SshBenchOptions, sshBench, type TransportName } from "./support.ts";

/** A real server seen by a pool of the test's own, below any runtime. */
export interface Place {
  readonly bench: SshBench;
  readonly pool: SshPool;
  readonly target: SshTarget;
  readonly transport: SshTransport;
}

export interface PlaceOptions extends SshBenchOptions {
  /** Of the transport. */
  readonly maxWaitMs?: number;
}

export async function withPlace(
  t: Parameters<typeof requireOrSkip>[0],
  name: TransportName,
  options: PlaceOptions,
  use: (place: Place) => Promise<void>,
): Promise<void> {
  const made = await requireOrSkip(t, () => sshBench(options));
  if (made === undefined) return;
  await using bench = made;
  await using pool = createSshPool();
  const target = await resolveSshTarget(bench.config({ transport: name }));
  await using transport = createSshTransport({ target, pool, maxWaitMs: options.maxWaitMs });
  await use({ bench, pool, target, transport });
}
