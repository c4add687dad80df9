import type { Attachment } from "../../client/attach.ts";
import { createRunnerClient } from "../../client/client.ts";
import { berthError, isBerthError } from "../../contract/errors.ts";
import type { ExitStatus } from "../../contract/process.ts";
import { writeAll } from "../print.ts";
import { LEAVE_TERMINAL } from "../screen/leave.ts";
import { KeySequence, leaveOutputAlone, type SessionEnd, terminalSize } from "../session.ts";
import { type RunnerTarget, tokenOf } from "./target.ts";

/** Signals that the command passes on, and what they are called in the attach protocol. */
const SIGNALS = { SIGINT: "INT", SIGTERM: "TERM", SIGQUIT: "QUIT" } as const;

export interface AttachFlags {
  readonly from: number | undefined;
  /** Written to this terminal before the output. */
  readonly before: string | undefined;
  readonly role: "writer" | "viewer";
  readonly takeover: boolean;
  readonly input: boolean;
  readonly detachKeys: Uint8Array;
}

/**
 * Joins this terminal, or these pipes, to a process as a client of the runner's attach protocol: as its one writer, or as
 * one of its viewers. A connection that is lost is made again, and goes on at its byte.
 * @throws attach.writer_taken, process.unknown, process.reaped, auth.*, runner.*
 */
export async function runAttached(
  target: RunnerTarget,
  processId: string,
  flags: AttachFlags,
): Promise<SessionEnd> {
  const stop = new AbortController();
  const client = createRunnerClient({ url: target.url, token: tokenOf(target) });
  const { role, takeover, from } = flags;
  using attached = await client.attach(processId, {
    role,
    takeover,
    signal: stop.signal,
    ...(from === undefined ? {} : { from }),
    onConnection: (state, reason) => {
      if (state === "lost")
        process.stderr.write(`berth: the connection was lost: ${reason?.message ?? ""}\n`);
      else process.stderr.write("berth: connected again\n");
    },
  });
  await using cleanup = new AsyncDisposableStack();
  // From here on it may become a viewer, when another one takes over.
  const isWriter = attached.role === "writer";
  const raw = attached.tty !== null && process.stdin.isTTY && flags.input;
  let detached = false;
  const leave = (): void => {
    detached = true;
    stop.abort();
  };
  if (isWriter) cleanup.defer(passSignals(attached, leave));
  if (isWriter && attached.tty !== null) cleanup.defer(followWindow(attached));
  if (raw) {
    process.stdin.setRawMode(true);
    leaveOutputAlone();
    cleanup.defer(() => void process.stdin.setRawMode(false));
  }
  if (flags.input && (isWriter || raw)) {
    const keys = raw ? new KeySequence(flags.detachKeys) : undefined;
    cleanup.defer(passInput(attached, keys, leave));
  }
  try {
    if (flags.before !== undefined) await writeAll(process.stdout, Buffer.from(flags.before));
    return { exit: await printed(attached) };
  } catch (cause) {
    // The program goes on, and what it has set in this terminal with it.
    if (raw) process.stdout.write(LEAVE_TERMINAL);
    if (detached || (stop.signal.aborted && isBerthError(cause, "operation.aborted")))
      return { detached: true };
    throw cause;
  }
}

async function printed(attached: Attachment): Promise<ExitStatus> {
  for await (const chunk of attached) {
    if (chunk.type === "data") {
      await writeAll(chunk.stream === "stderr" ? process.stderr : process.stdout, chunk.data);
    } else if (chunk.type === "gap") {
      const { from, to } = chunk;
      process.stderr.write(`berth: ${to - from} bytes of output are gone (${from} to ${to})\n`);
    } else if (chunk.type === "taken_over") {
      process.stderr.write("berth: another client is the writer now; this one only looks\n");
    } else if (chunk.type === "error") {
      process.stderr.write(`berth: ${chunk.error.message} [${chunk.error.code}]\n`);
    } else if (chunk.type === "exit") return chunk.exit;
  }
  throw berthError("transport.disconnected", { message: "the attachment ended without the process's exit" });
}

/** Of a writer to the process; one that has become a viewer is ended by them itself. */
function passSignals(attached: Attachment, leave: () => void): () => void {
  const listeners = Object.entries(SIGNALS).map(([name, inBand]) => {
    const pass = (): void => (attached.role === "writer" ? attached.signal(inBand) : leave());
    process.on(name, pass);
    return () => void process.off(name, pass);
  });
  return () => {
    for (const off of listeners) off();
  };
}

function followWindow(attached: Attachment): () => void {
  const resize = (): void => {
    if (attached.role === "writer") attached.resize(terminalSize());
  };
  if (process.stdout.isTTY) resize();
  process.stdout.on("resize", resize);
  return () => void process.stdout.off("resize", resize);
}

/** stdin to the process; of a viewer's only the keys that leave count. */
function passInput(attached: Attachment, keys: KeySequence | undefined, leave: () => void): () => void {
  let stopped = false;
  const pump = async (): Promise<void> => {
    for await (const chunk of process.stdin) {
      if (stopped) return;
      const bytes = keys === undefined ? (chunk as Uint8Array) : keys.feed(chunk as Uint8Array);
      if (bytes === undefined) return leave();
      // A viewer at a terminal in raw mode has no other way to say that it has seen enough.
      if (attached.role === "viewer" && keys !== undefined && bytes.includes(3)) return leave();
      if (attached.role === "writer" && bytes.length > 0) await written(attached, bytes);
    }
    if (!stopped && attached.role === "writer") attached.end();
  };
  pump().catch(() => {
    // The process ended or closed its input: what is typed now has no reader.
  });
  return () => {
    stopped = true;
    process.stdin.pause();
    process.stdin.unref?.();
  };
}

/** What another one's takeover overtakes is lost; what is typed next still leaves. */
async function written(attached: Attachment, bytes: Uint8Array): Promise<void> {
  try {
    await attached.write(bytes);
  } catch (cause) {
    if (!isBerthError(cause, "attach.viewer")) throw cause;
  }
}
