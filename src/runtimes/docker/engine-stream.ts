import type { Readable } from "node:stream";
import { berthError } from "../../contract/errors.ts";

/** One line of what the engine tells while it pulls or builds. */
export interface EngineMessage {
  readonly status?: string;
  readonly id?: string;
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly aux?: unknown;
}

const MAX_LINE_BYTES = 1024 * 1024;
/** Without a word for so long the engine, or the registry behind it, hangs. */
const SILENCE_MS = 5 * 60_000;

/**
 * Reads the engine's messages to the end.
 * @returns the engine's error text, or undefined when it went well
 * @throws docker.engine_timeout after 5 minutes of silence
 */
export async function readMessages(
  stream: Readable,
  onMessage: (message: EngineMessage) => void,
): Promise<string | undefined> {
  let rest = "";
  let error: string | undefined;
  const line = (text: string) => {
    if (text.trim() === "") return;
    let message: EngineMessage;
    try {
      message = JSON.parse(text) as EngineMessage;
    } catch {
      // Some proxies put lines of their own in between.
      return;
    }
    if (message.error !== undefined) error = message.error;
    else onMessage(message);
  };
  const late = berthError("docker.engine_timeout", {
    hop: "transport",
    message: "the Docker engine has said nothing for 5 minutes",
  });
  let timer: NodeJS.Timeout | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stream.destroy(late), SILENCE_MS);
  };
  alive();
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      alive();
      rest += chunk.toString("utf8");
      const lines = rest.split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_LINE_BYTES) rest = "";
      for (const text of lines) line(text);
    }
    line(rest);
  } finally {
    clearTimeout(timer);
  }
  return error;
}
