import type { Duplex } from "node:stream";
import { berthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { acceptWire } from "../../wire/connection.ts";
import { PROTOCOL_MAX, PROTOCOL_MIN } from "../../wire/frame.ts";
import type { MethodHandler } from "../service.ts";
import { createFileService } from "./service.ts";
import { WORKER_TOKEN } from "./user-workers.ts";

/**
 * The whole of `berthd.mjs file-worker`: serves file operations to the daemon over its stdio as the user that this
 * process runs as, until the daemon ends the connection.
 */
export async function runFileWorker(
  duplex: Duplex,
  options: { readonly home: string; readonly script?: string | undefined },
): Promise<void> {
  const service = createFileService({ ...options, searchPath: Promise.resolve(process.env.PATH) });
  const connection = acceptWire(duplex, {
    token: WORKER_TOKEN,
    hello: { protocol: [PROTOCOL_MIN, PROTOCOL_MAX], version: VERSION, pid: process.pid },
    onRequest: (stream, method, params, session) => {
      const handler = service.methods[method] as MethodHandler<typeof method> | undefined;
      if (handler === undefined)
        throw berthError("wire.method_unknown", { hop: "berthd", context: { method } });
      return handler(params, stream, session);
    },
  });
  await connection.ended;
  await service.close();
}
