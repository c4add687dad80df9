import { request as httpRequest } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import type { OutputChunk, ReadyCondition } from "../../contract/process.ts";
import { abortedError, isDisconnect, type Link } from "./link.ts";
import { StreamDuplex } from "./stream-duplex.ts";

const DEFAULT_TIMEOUT_MS = 60_000;
/** The longest timer of Node; a longer one would be over at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const HTTP_INTERVAL_MS = 100;
/** A single request that gets no answer is given up and repeated. */
const HTTP_ANSWER_MS = 5_000;
/** Text before the newest chunk in which a match may begin. */
const PATTERN_WINDOW_CHARACTERS = 64 * 1024;

export interface ReadyTarget {
  readonly link: Link;
  readonly id: string;
  /** Settles with the exit; rejects when the process is lost. */
  readonly exit: Promise<unknown>;
  output(options: { readonly signal: AbortSignal }): AsyncIterable<OutputChunk>;
}

/**
 * Waits until every condition that is given holds.
 * @throws process.ready_timeout, process.ended_before_ready, process.lost, operation.aborted, config.invalid
 */
export async function waitReady(target: ReadyTarget, condition: ReadyCondition): Promise<void> {
  const { link, id } = target;
  const url = condition.http === undefined ? undefined : httpTarget(condition);
  if (condition.port === undefined && condition.output === undefined && url === undefined) {
    throw berthError("config.invalid", {
      message: "ready() needs a port, an output pattern or an HTTP address",
    });
  }
  const timeoutMs = Math.min(condition.timeoutMs ?? DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS);
  const stop = new AbortController();
  const { signal } = stop;
  const end = (error: BerthError) => stop.abort(error);
  const timer = setTimeout(() => end(berthError("process.ready_timeout", { context: { id } })), timeoutMs);
  const onAbort = () => end(abortedError(condition.signal, link.description));
  if (condition.signal?.aborted) onAbort();
  else condition.signal?.addEventListener("abort", onAbort, { once: true });
  const waits: Promise<void>[] = [];
  const output = condition.output === undefined ? undefined : waitOutput(target, condition.output, signal);
  if (output !== undefined) waits.push(output);
  target.exit.then(
    async () => {
      // What it wrote before its end still counts.
      await Promise.allSettled([output]);
      end(berthError("process.ended_before_ready", { context: { id } }));
    },
    (error: unknown) => end(link.explain(error)),
  );
  if (condition.port !== undefined) waits.push(waitPort(link, id, condition.port, timeoutMs, signal));
  if (url !== undefined) waits.push(waitHttp(link, url, signal));
  try {
    signal.throwIfAborted();
    await Promise.all(waits);
  } catch (error) {
    // Whatever broke off, the reason is why it was told to.
    throw link.explain(signal.aborted ? signal.reason : error);
  } finally {
    clearTimeout(timer);
    condition.signal?.removeEventListener("abort", onAbort);
    stop.abort(berthError("operation.aborted"));
    await Promise.allSettled(waits);
  }
}

async function waitPort(
  link: Link,
  id: string,
  port: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const client = link.client ?? (await link.reconnect(signal));
    try {
      const left = Math.max(1, Math.ceil(deadline - performance.now()));
      await client.call("process.waitPort", { id, port, timeoutMs: left }, { signal });
      return;
    } catch (error) {
      if (isBerthError(error, "operation.timeout")) {
        throw berthError("process.ready_timeout", { context: { id, port }, cause: error });
      }
      if (!isDisconnect(error, client)) throw error;
    }
  }
}

async function waitOutput(target: ReadyTarget, pattern: RegExp, signal: AbortSignal): Promise<void> {
  const matchers = { stdout: new PatternMatcher(pattern), stderr: new PatternMatcher(pattern) };
  for await (const chunk of target.output({ signal })) {
    if (chunk.type !== "data") continue;
    if (matchers[chunk.stream === "stderr" ? "stderr" : "stdout"].push(chunk.data)) return;
  }
  throw berthError("process.ended_before_ready", { context: { id: target.id } });
}

/** Looks for a pattern in a stream of bytes; remembers a bounded part, so that a match may cross chunks. */
export class PatternMatcher {
  readonly #pattern: RegExp;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #text = "";

  constructor(pattern: RegExp) {
    // With g or y a RegExp has a position of its own, which would make the next test start in the middle.
    this.#pattern = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ""));
  }

  push(bytes: Uint8Array): boolean {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    if (this.#pattern.test(this.#text)) return true;
    if (this.#text.length > PATTERN_WINDOW_CHARACTERS)
      this.#text = this.#text.slice(-PATTERN_WINDOW_CHARACTERS);
    return false;
  }
}

interface HttpTarget {
  readonly port: number;
  readonly path: string;
  /** As the Host header has it. */
  readonly host: string;
}

function httpTarget(condition: ReadyCondition): HttpTarget {
  const text = condition.http ?? "";
  if (text.startsWith("/")) {
    const { port } = condition;
    if (port === undefined) throw invalidHttp("a path needs the port as well");
    return { port, path: text, host: `localhost:${port}` };
  }
  if (!URL.canParse(text)) throw invalidHttp("it is neither a path nor a URL");
  const url = new URL(text);
  if (url.protocol !== "http:") throw invalidHttp("only http: is looked at");
  const port = condition.port ?? (url.port === "" ? 80 : Number(url.port));
  return { port, path: `${url.pathname}${url.search}`, host: url.host };
}

function invalidHttp(why: string): BerthError {
  return berthError("config.invalid", { message: `ready({ http }): ${why}`, context: { field: "http" } });
}

async function waitHttp(link: Link, target: HttpTarget, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      const status = await httpStatus(link, target, signal);
      if (status < 400) return;
    } catch (error) {
      // Not listening yet, answering nonsense, or away with the connection: the deadline decides.
      if (signal.aborted || isBerthError(error, "runtime.closed")) throw error;
    }
    await delay(HTTP_INTERVAL_MS, undefined, { signal });
  }
}

async function httpStatus(link: Link, target: HttpTarget, signal: AbortSignal): Promise<number> {
  const client = link.client ?? (await link.reconnect(signal));
  const socket = new StreamDuplex((handler) =>
    client.request("port.connect", { port: target.port }, handler),
  );
  // Its failure is told by `opened` or by the request; without a listener it would end this process.
  socket.on("error", () => {});
  try {
    await socket.opened;
    return await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        {
          createConnection: () => socket,
          path: target.path,
          headers: { host: target.host, connection: "close" },
          signal: AbortSignal.any([signal, AbortSignal.timeout(HTTP_ANSWER_MS)]),
        },
        (response) => resolve(response.statusCode ?? 500),
      );
      request.on("error", reject);
      request.end();
    });
  } finally {
    socket.destroy();
  }
}
