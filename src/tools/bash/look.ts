import { berthError, isBerthError } from "../../contract/errors.ts";
import { linearPattern } from "../../contract/linear-pattern.ts";
import type { ExitStatus, OutputChunk, OutputFile, Process } from "../../contract/process.ts";
import type { Pieces } from "../cut.ts";
import { Collected, openBytes } from "./collected.ts";

/** Output is taken to pause when nothing came for this long; whatever goes on without a pause is told after this long. */
const QUIET_MS = 150;
const UNQUIET_MS = 1_500;
/** Text before the newest chunk in which a match may begin. It is looked at again with each chunk. */
const PATTERN_WINDOW_CHARACTERS = 4 * 1024;

/** What a look waits for; the end of the process ends every wait. */
export type WaitFor = "exit" | "output" | { readonly pattern: string };

export interface LookOptions {
  readonly from: number;
  /** `from` may be in the middle of anything. */
  readonly opened: boolean;
  /** undefined: what there is. */
  readonly wait: WaitFor | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Bytes of head and of tail that are kept. */
  readonly keptBytes: number;
  /** No part of a secret is told, nor one half of it in one look and the other in the next. */
  readonly masked: boolean;
}

export interface Looked {
  readonly pieces: Pieces;
  /** Behind what was seen. */
  readonly cursor: number;
  /** Bytes that the place no longer has. */
  readonly gone: number;
  readonly exit: ExitStatus | undefined;
  readonly file: OutputFile | undefined;
  readonly lost: boolean;
  /** What was waited for has come; undefined: nothing was waited for. */
  readonly found: boolean | undefined;
}

/**
 * Output of a process from a cursor on, as long as the wait says. It is read as a stream: nothing asks again and again.
 * @throws tool.input_invalid for a pattern that is none, operation.aborted, process.reaped
 */
export async function look(process: Process, options: LookOptions): Promise<Looked> {
  const { wait } = options;
  const matcher = typeof wait === "object" ? new Matcher(wait.pattern) : undefined;
  const collected = new Collected(options.keptBytes, options.keptBytes);
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const timer = wait === undefined ? undefined : setTimeout(() => stop.abort(), options.timeoutMs);
  // Where output comes without end, no timer has its turn.
  let deadline = performance.now() + options.timeoutMs;
  let cursor = options.from;
  let gone = 0;
  let exit: ExitStatus | undefined;
  let file: OutputFile | undefined;
  let lost = false;
  let found = false;
  let quiet: NodeJS.Timeout | undefined;
  try {
    const steps = wait === undefined ? present(process, options) : process.output({ from: cursor, signal });
    for await (const chunk of steps) {
      if (chunk.type === "skip") {
        collected.gap(chunk.bytes);
      } else if (chunk.type === "exit") {
        ({ exit, cursor } = chunk);
        file = chunk;
      } else if (chunk.type === "gap") {
        const bytes = chunk.gap.to - chunk.gap.from;
        collected.gap(bytes);
        gone += bytes;
        cursor = chunk.gap.to;
      } else {
        collected.push(chunk.data);
        cursor = chunk.cursor;
        if (matcher?.push(chunk.data)) {
          found = true;
          break;
        }
        if (wait !== undefined && performance.now() > deadline) break;
        if (wait === "output") {
          if (!found) deadline = Math.min(deadline, performance.now() + UNQUIET_MS);
          found = true;
          clearTimeout(quiet);
          quiet = setTimeout(() => stop.abort(), QUIET_MS);
        }
      }
    }
  } catch (error) {
    if (options.signal.aborted) throw error;
    if (isBerthError(error, "process.lost")) lost = true;
    else if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    clearTimeout(quiet);
  }
  // Of one that goes on, what is not whole yet is left for the next look.
  const open = exit === undefined && !lost ? openBytes(collected.end(), options.masked) : 0;
  return {
    pieces: { ...collected.take(open), opened: options.opened },
    cursor: cursor - open,
    gone,
    exit,
    file,
    lost,
    found: wait === undefined ? undefined : found || (wait === "exit" && exit !== undefined),
  };
}

/** What there is now. Of much of it only the beginning and the end travel. */
async function* present(
  process: Process,
  { from, signal, keptBytes }: LookOptions,
): AsyncGenerator<OutputChunk | { readonly type: "skip"; readonly bytes: number }> {
  let cursor = from;
  for await (const chunk of process.output({ from, follow: false, signal })) {
    yield chunk;
    cursor = chunk.type === "gap" ? chunk.gap.to : chunk.cursor;
    if (cursor - from > 2 * keptBytes && chunk.type !== "exit") break;
  }
  if (cursor - from <= 2 * keptBytes) return;
  const { outputEnd } = await process.info({ signal });
  const start = Math.max(cursor, outputEnd - keptBytes);
  if (start > cursor) yield { type: "skip", bytes: start - cursor };
  for await (const chunk of process.output({ from: start, follow: false, signal })) {
    yield chunk;
    // One that writes faster than it is read has no end.
    if (chunk.type === "data" && chunk.cursor > outputEnd + keptBytes) return;
  }
}

/** A pattern in a stream of bytes, wherever the chunks end. */
class Matcher {
  readonly #matches: (text: string) => boolean;
  readonly #window: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #text = "";

  constructor(pattern: string) {
    this.#window = Math.max(PATTERN_WINDOW_CHARACTERS, pattern.length);
    // Plain text is found a hundred times as fast without the engine whose time is linear.
    if (!/[\\^$.*+?()[\]{}|]/.test(pattern)) {
      this.#matches = (text) => text.includes(pattern);
      return;
    }
    try {
      const expression = linearPattern(pattern);
      this.#matches = (text) => expression.test(text);
    } catch (cause) {
      throw berthError("tool.input_invalid", {
        message: "wait_for is not a regular expression that can be used",
        hint: "Look-ahead and back references can't be used; escape what is meant literally.",
        cause,
      });
    }
  }

  push(bytes: Uint8Array): boolean {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    if (this.#matches(this.#text)) return true;
    this.#text = this.#text.slice(-this.#window);
    return false;
  }
}
