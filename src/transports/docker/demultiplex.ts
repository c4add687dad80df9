import { Readable } from "node:stream";
import { berthError } from "../../contract/errors.ts";

/**
 * Takes apart what the engine sends for an exec without a terminal: a header of 8 bytes (stream 0 to 2, three
 * zeros, u32 BE length), then that many bytes. Chunks are passed on as slices of what arrived. When one of the
 * two streams is not read, the source is paused.
 */
export function demultiplex(source: Readable): { readonly stdout: Readable; readonly stderr: Readable } {
  const full = new Set<Readable>();
  const output = (): Readable => {
    const stream = new Readable({
      highWaterMark: 256 * 1024,
      read() {
        if (full.delete(this) && full.size === 0) source.resume();
      },
      destroy(error, done) {
        full.delete(this);
        if (full.size === 0) source.resume();
        done(error);
      },
    });
    // Whoever reads it gets the error; one of the two may have no reader.
    stream.on("error", () => {});
    return stream;
  };
  const stdout = output();
  const stderr = output();
  const header = Buffer.alloc(8);
  let headerBytes = 0;
  let left = 0;
  let target = stdout;

  function parse(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const taken = chunk.copy(header, headerBytes, at, at + 8 - headerBytes);
        headerBytes += taken;
        at += taken;
        if (headerBytes < 8) return;
        headerBytes = 0;
        const kind = header[0] ?? 255;
        if (kind > 2 || header[1] !== 0) {
          source.destroy(
            berthError("docker.api_error", {
              hop: "transport",
              message: "the Docker engine's stream is damaged",
              context: { status: 200, reason: "multiplexing header" },
            }),
          );
          return;
        }
        left = header.readUInt32BE(4);
        target = kind === 2 ? stderr : stdout;
      } else {
        const part = chunk.subarray(at, at + left);
        at += part.length;
        left -= part.length;
        if (target.destroyed) continue;
        if (!target.push(part)) full.add(target);
      }
    }
    if (full.size > 0) source.pause();
  }

  const finish = (error?: Error) => {
    for (const stream of [stdout, stderr]) {
      if (stream.destroyed) continue;
      if (error === undefined) stream.push(null);
      else stream.destroy(error);
    }
  };
  source.on("data", parse);
  source.once("end", () => finish());
  source.once("error", (error) => finish(error));
  source.once("close", () =>
    finish(source.readableEnded ? undefined : berthError("transport.disconnected", { hop: "transport" })),
  );
  return { stdout, stderr };
}
