import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import type { BerthError } from "../../contract/errors.ts";
import { abortedError } from "../../transports/abort.ts";
import { bridgeStream } from "../../transports/bridge.ts";
import type { RawProcess, Transport } from "../../transports/transport.ts";
import { DIAL_MARK } from "./probe-script.ts";

const LIMIT_BYTES = 256 * 1024;

export interface ScriptAnswer {
  readonly lines: readonly string[];
  readonly stderr: string;
  readonly exitCode: number | null;
  /** The byte stream behind the mark, when the script went over to dialling. */
  readonly stream: Duplex | undefined;
}

export interface ScriptOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The error when the deadline is over; it is given what was read until then. */
  readonly late: (output: string) => BerthError;
}

/**
 * Runs a shell script in the place, reads its lines, and hands over the rest of its stdout and its stdin as a byte
 * stream when it prints the mark.
 * @throws what the transport throws, `late`, operation.aborted
 */
export async function runScript(
  transport: Transport,
  script: string,
  options: ScriptOptions,
): Promise<ScriptAnswer> {
  const cut = new AbortController();
  const onAbort = () => cut.abort(abortedError(options.signal));
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  let seen = "";
  const timer = setTimeout(() => cut.abort(options.late(seen)), options.deadlineMs);
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  cut.signal.addEventListener("abort", () => stopped.reject(cut.signal.reason), { once: true });
  let process: RawProcess | undefined;
  try {
    // What waits for a way to the place does not go on for nobody.
    const started = transport.run(["/bin/sh", "-c", script], { signal: cut.signal });
    started.then(
      (late) => cut.signal.aborted && late.close(),
      () => {},
    );
    process = await Promise.race([started, stopped.promise]);
    const answer = readAnswer(process, transport.description, (text) => {
      seen = text;
    });
    return await Promise.race([answer, stopped.promise]);
  } catch (error) {
    process?.close();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
}

async function readAnswer(
  process: RawProcess,
  description: string,
  onText: (text: string) => void,
): Promise<ScriptAnswer> {
  const decoder = new StringDecoder("utf8");
  let text = "";
  let stderr = "";
  const onError = (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-LIMIT_BYTES);
    onText(`${text}${stderr}`);
  };
  process.stderr.on("data", onError);
  process.stdin.on("error", () => {});
  const done = Promise.withResolvers<ScriptAnswer>();
  const lines = () => text.split("\n");
  const onData = (chunk: Buffer) => {
    // Bytes behind the mark are the daemon's and never decoded.
    const mark = chunk.indexOf(`${DIAL_MARK}\n`);
    const startsLine = mark === 0 ? text === "" || text.endsWith("\n") : mark > 0 && chunk[mark - 1] === 0x0a;
    const before = startsLine ? chunk.subarray(0, mark) : chunk;
    if (text.length < LIMIT_BYTES) text += decoder.write(before);
    onText(`${text}${stderr}`);
    // The mark itself may come in two pieces.
    const split = !startsLine && (text === `${DIAL_MARK}\n` || text.endsWith(`\n${DIAL_MARK}\n`));
    if (!startsLine && !split) return;
    process.stdout.off("data", onData);
    process.stdout.pause();
    process.stderr.off("data", onError);
    const rest = startsLine ? chunk.subarray(mark + DIAL_MARK.length + 1) : undefined;
    if (rest !== undefined && rest.length > 0) process.stdout.unshift(rest);
    done.resolve({ lines: lines(), stderr, exitCode: null, stream: bridgeStream(process, description) });
  };
  process.stdout.on("data", onData);
  // The exit may be known before the last of the output has come here.
  const read = [process.stdout, process.stderr].map((stream) => finished(stream).catch(() => {}));
  Promise.all([process.exit, ...read]).then(
    ([{ exitCode }]) => done.resolve({ lines: lines(), stderr, exitCode, stream: undefined }),
    done.reject,
  );
  return done.promise;
}
