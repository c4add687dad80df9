import type { SshConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { Runtime } from "../../contract/runtime.ts";
import type { RuntimeContext } from "../context.ts";

/** A host by SSH. */
export async function openSsh(config: SshConfig, _context: RuntimeContext): Promise<Runtime> {
  throw berthError("runtime.type_unsupported", { context: { type: config.type } });
}
