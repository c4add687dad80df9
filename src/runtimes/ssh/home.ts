import type { Isolation } from "../../contract/capabilities.ts";
import { collect } from "../../transports/collect.ts";
import type { Transport } from "../../transports/transport.ts";
import { isolationFrom, ownBootId, sharedScript } from "../provision/isolation.ts";

const DEADLINE_MS = 30_000;

/** What is known of a host without a daemon. */
export interface HostLook {
  /** HOME of the user there; "" when it can't be told. */
  readonly home: string;
  readonly isolation: Isolation;
}

/** Looks at a host in one command. */
export async function lookAtHost(transport: Transport, signal: AbortSignal | undefined): Promise<HostLook> {
  const options = signal === undefined ? {} : { signal };
  const script = `say() { printf '%s %s\\0' "$1" "$2"; }
{ read -r boot </proc/sys/kernel/random/boot_id; } 2>/dev/null || boot=
say home "$HOME"
${sharedScript(await ownBootId())}`;
  const process = await transport.run(["/bin/sh", "-c", script], options);
  const { stdout } = await collect(process, { deadlineMs: DEADLINE_MS, ...options });
  const values = (key: string) =>
    stdout.split("\0").flatMap((item) => (item.startsWith(`${key} `) ? [item.slice(key.length + 1)] : []));
  return { home: values("home")[0] ?? "", isolation: await isolationFrom(values("namespace")) };
}
