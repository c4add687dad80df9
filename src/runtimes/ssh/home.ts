import { collect } from "../../transports/collect.ts";
import type { Transport } from "../../transports/transport.ts";

const DEADLINE_MS = 30_000;

/** HOME of the user there; "" when it can't be told. */
export async function homeOf(transport: Transport, signal: AbortSignal | undefined): Promise<string> {
  const options = signal === undefined ? {} : { signal };
  const process = await transport.run(["/bin/sh", "-c", 'printf %s "$HOME"'], options);
  const { stdout } = await collect(process, { deadlineMs: DEADLINE_MS, ...options });
  return stdout;
}
