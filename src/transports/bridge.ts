import { Duplex, finished } from "node:stream";
import { berthError } from "../contract/errors.ts";
import { located } from "../contract/located.ts";
import type { RawProcess } from "./transport.ts";

const STDERR_LIMIT = 4_096;

/**
 * A program that connects its stdio to a socket, as one byte stream. When it ends with a failure before a byte has
 * come, the stream fails with its last words.
 */
export function bridgeStream(process: RawProcess, description: string): Duplex {
  let stderr = "";
  process.stderr.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-STDERR_LIMIT);
  });
  process.stderr.on("error", () => {});
  const stream = new Duplex({
    readableHighWaterMark: 256 * 1024,
    writableHighWaterMark: 64 * 1024,
    read: () => void process.stdout.resume(),
    write: (chunk: Buffer, _encoding, done) => void process.stdin.write(chunk, unlessEnded(done)),
    writev: (chunks, done) => {
      process.stdin.cork();
      for (const { chunk } of chunks.slice(0, -1)) process.stdin.write(chunk as Buffer);
      process.stdin.write(chunks.at(-1)?.chunk as Buffer, unlessEnded(done));
      process.stdin.uncork();
    },
    final: (done) => void process.stdin.end(() => done()),
    destroy: (error, done) => {
      process.close();
      done(error);
    },
  });
  // The program may fail before whoever asked for the stream listens; then it is found destroyed.
  stream.on("error", () => {});
  process.stdout.on("data", (chunk: Buffer) => {
    if (!stream.push(chunk)) process.stdout.pause();
  });
  process.stdin.on("error", () => {});
  finished(process.stdout, { writable: false }, (error) => {
    if (error) {
      stream.destroy(error);
      return;
    }
    process.exit.then(
      ({ exitCode }) => {
        if (exitCode === 0) stream.push(null);
        else stream.destroy(bridgeFailed(description, exitCode, stderr));
      },
      (cause: Error) => stream.destroy(cause),
    );
  });
  return stream;
}

/** That the program reads no more is told by its end, which says why. */
function unlessEnded(done: (error?: Error | null) => void): (error?: Error | null) => void {
  return (error) =>
    done((error as NodeJS.ErrnoException | null | undefined)?.code === "EPIPE" ? null : error);
}

function bridgeFailed(description: string, exitCode: number | null, stderr: string) {
  const lastLine = stderr.trim().split("\n").at(-1) ?? "";
  return berthError("transport.unavailable", {
    hop: "transport",
    message: `the daemon ${located(description)} cannot be reached: ${lastLine === "" ? `exit code ${exitCode}` : lastLine}`,
    context: { exitCode, reason: lastLine },
  });
}
