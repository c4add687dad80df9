import { berthError, toBerthError } from "../../contract/errors.ts";
import { parseSignal } from "../../contract/signals.ts";
import type { Params } from "../../wire/messages.ts";
import type { StreamHandler, WireStream } from "../../wire/types.ts";
import type { ClientSession, Service } from "../service.ts";
import { sendEvents } from "./event-log.ts";
import type { ProcessHost } from "./host.ts";
import type { HostedProcess } from "./hosted-process.ts";
import { listeningPorts } from "./listening.ts";
import { type OutputSource, OutputStream, type OutputStreamOptions, startCursor } from "./output-stream.ts";
import { recoveredFile, recoveredInfo } from "./records.ts";

/** Output below this that its reader got whole isn't written to the disk unless memory gets short. */
const SMALL_OUTPUT_BYTES = 64 * 1024;

export interface ProcessServiceOptions {
  readonly host: ProcessHost;
  /** Settles when something accepts connections on the port of this place. */
  readonly waitForPort: (port: number, options: { timeoutMs: number; signal: AbortSignal }) => Promise<void>;
}

/** The methods process.* of the wire. */
export function createProcessService({ host, waitForPort }: ProcessServiceOptions): Service {
  const attached = new AttachedReaders();
  return {
    methods: {
      "process.start": (params, stream, session) => start({ host, attached }, params, stream, session),
      "process.list": async ({ workspace }, stream) =>
        reply(stream, { processes: await host.list(workspace) }),
      "process.ports": async ({ workspace }, stream) =>
        reply(stream, { ports: await listeningPorts(await host.list(workspace)) }),
      "process.get": async ({ id, workspace }, stream) => {
        const found = await host.find(id, workspace);
        reply(stream, { process: "process" in found ? found.process.describe() : recoveredInfo(found) });
      },
      "process.output": (params, stream) => output(host, params, stream),
      "process.stdin": async ({ id, workspace }, stream, session) => {
        const hosted = await host.findLive(id, workspace);
        const handler = acceptStdin(hosted, stream, session);
        const unlisten = endWithProcess(hosted, stream);
        stream.handler = {
          ...handler,
          onEnd: () => {
            unlisten();
            handler.onEnd?.();
            stream.end();
          },
          onReset: unlisten,
        };
        stream.respond({ accepted: accepted(hosted, session) });
      },
      "process.events": ({ since, workspace }, stream, { clientId }) =>
        sendEvents(host.events, stream, { since, workspace, clientId }),
      "process.signal": async ({ id, workspace, signal }, stream) => {
        const name = parseSignal(signal);
        const hosted = await host.findLive(id, workspace);
        await hosted.process.signal(name);
        reply(stream, {});
      },
      "process.kill": async ({ id, workspace, signal, graceMs }, stream) => {
        const name = signal === undefined ? undefined : parseSignal(signal);
        const found = await host.find(id, workspace);
        if ("process" in found) await found.process.whenStarted;
        const left =
          "process" in found
            ? await found.process.end({
                ...(name && { signal: name }),
                ...(graceMs !== undefined && { graceMs }),
              })
            : 0;
        reply(stream, { left });
      },
      "process.resize": async ({ id, workspace, columns, rows }, stream) => {
        const hosted = await host.findLive(id, workspace);
        hosted.process.resize({ columns, rows });
        reply(stream, {});
      },
      "process.detach": async (params, stream, session) => {
        if (!params.withoutTimeout) {
          await host.detach(params.id, params.workspace);
          reply(stream, {});
          return;
        }
        const hosted = await host.toBackground(params);
        const process = hosted.process.info();
        const reader = attached.find(session, params.endsOutput);
        if (reader?.hosted === hosted) reader.sender.leave(process);
        reply(stream, { process });
      },
      "process.remove": async ({ id, workspace }, stream) => {
        await host.remove(id, workspace);
        reply(stream, {});
      },
      "process.waitPort": async (params, stream, session) => {
        const stop = new AbortController();
        stream.handler = { onReset: () => stop.abort() };
        await waitPort({ host, waitForPort }, params, stop, session);
        reply(stream, {});
      },
    },
    busy: () => host.busy,
    close: () => host.close(),
  };
}

function reply(stream: WireStream, result: unknown): void {
  stream.respond(result);
  stream.end();
}

interface AttachedReader {
  readonly hosted: HostedProcess;
  readonly sender: OutputStream;
}

/** The readers that `process.start` has attached, by connection and stream. */
class AttachedReaders {
  readonly #readers = new WeakMap<ClientSession, Map<number, AttachedReader>>();

  find(session: ClientSession, stream: number | undefined): AttachedReader | undefined {
    return stream === undefined ? undefined : this.#readers.get(session)?.get(stream);
  }

  /** Returns how to take it out again. */
  add(session: ClientSession, stream: number, reader: AttachedReader): () => void {
    let readers = this.#readers.get(session);
    if (readers === undefined) {
      readers = new Map();
      this.#readers.set(session, readers);
    }
    const known = readers;
    known.set(stream, reader);
    return () => known.delete(stream);
  }
}

async function start(
  { host, attached }: { readonly host: ProcessHost; readonly attached: AttachedReaders },
  params: Params<"process.start">,
  stream: WireStream,
  session: ClientSession,
): Promise<void> {
  // Input may arrive before the process runs; it waits on this side of the credit.
  const early: Uint8Array[] = [];
  let ended = false;
  stream.handler = {
    onData: (chunk) => early.push(chunk),
    onEnd: () => {
      ended = true;
    },
  };
  const hosted = await host.start(params, session.clientId);
  const { process } = hosted;
  if (params.stdin === "pipe") {
    const open = process.stdin?.closed === false;
    // A retry after the end of the input has nothing to add.
    const handler = open ? acceptStdin(hosted, stream, session) : discardStdin(stream);
    stream.respond({ process: process.info(), stdinAccepted: acceptedAtStart(hosted, session) });
    for (const chunk of early) handler.onData?.(chunk);
    if (ended) handler.onEnd?.();
  } else {
    stream.handler = {};
    stream.respond({ process: process.info() });
  }
  if (params.attach === undefined) {
    stream.end();
    return;
  }
  sendOutput(host, hosted, stream, params.attach, (sender) =>
    attached.add(session, stream.id, { hosted, sender }),
  );
}

/** Input bytes taken over from a client, so that it knows after a lost connection where to go on. */
function accepted(hosted: HostedProcess, session: ClientSession): number {
  return hosted.inputs.get(session.clientId)?.accepted ?? 0;
}

/** A client that repeats the start of another one, whose place it takes, goes on where that one's input ended. */
function acceptedAtStart(hosted: HostedProcess, session: ClientSession): number {
  if (hosted.owner === session.clientId) return accepted(hosted, session);
  let bytes = 0;
  for (const input of hosted.inputs.values()) bytes += input.accepted;
  return bytes;
}

/**
 * Bytes of the stream become input; credit goes back as the process takes them. What still arrives over an earlier
 * connection of the same client is dropped: the client sends it again over this one.
 */
function acceptStdin(hosted: HostedProcess, stream: WireStream, session: ClientSession): StreamHandler {
  const { process } = hosted;
  const { stdin } = process;
  if (stdin === undefined || stdin.closed) {
    throw berthError(process.ended ? "process.finished" : "process.stdin_closed", {
      hop: "berthd",
      context: { id: process.id },
    });
  }
  const input = hosted.inputs.get(session.clientId) ?? { session, accepted: 0 };
  hosted.inputs.set(session.clientId, input);
  input.session = session;
  const handler: StreamHandler = {
    onData: (chunk) => {
      const done = (): void => stream.consumed(chunk.length);
      if (input.session !== session) return done();
      input.accepted += chunk.length;
      stdin.write(chunk, done);
    },
    onEnd: () => {
      if (input.session === session) stdin.end();
    },
  };
  // Keeps what the output side has put there (onWritable).
  stream.handler = { ...stream.handler, ...handler };
  return handler;
}

/** A writer that waits for a process to take its input is told that it has ended. */
function endWithProcess({ process }: HostedProcess, stream: WireStream): () => void {
  const unlisten = process.onChange(() => {
    if (!process.finished) return;
    unlisten();
    stream.reset(berthError("process.finished", { hop: "berthd", context: { id: process.id } }));
  });
  return unlisten;
}

function discardStdin(stream: WireStream): StreamHandler {
  const handler: StreamHandler = { onData: (chunk) => stream.consumed(chunk.length) };
  stream.handler = { ...stream.handler, ...handler };
  return handler;
}

async function output(
  host: ProcessHost,
  params: Params<"process.output">,
  stream: WireStream,
): Promise<void> {
  const found = await host.find(params.id, params.workspace);
  if ("process" in found) {
    stream.respond({ process: found.process.info(), from: startCursor(found.process, params.from) });
    sendOutput(host, found, stream, params);
    return;
  }
  const { record, log } = found;
  const source: OutputSource = {
    log,
    exit: record.exit,
    exitCursor: record.exitCursor ?? Number.POSITIVE_INFINITY,
    lost:
      record.lost === true
        ? berthError("process.lost", { hop: "berthd", context: { id: record.id } })
        : undefined,
    file: recoveredFile(found),
    onChange: () => () => {},
  };
  stream.respond({ process: recoveredInfo(found), from: startCursor(source, params.from) });
  connect(new OutputStream(source, stream, params), stream);
}

function sendOutput(
  host: ProcessHost,
  hosted: HostedProcess,
  stream: WireStream,
  options: OutputStreamOptions & { readonly lossless: boolean },
  register: (sender: OutputStream) => () => void = () => () => {},
): void {
  const { process } = hosted;
  const { log } = process;
  const sender = new OutputStream(
    {
      log,
      get exit() {
        return process.exit;
      },
      get exitCursor() {
        return process.exitCursor;
      },
      lost: undefined,
      get file() {
        return process.outputFile;
      },
      onChange: (listener) => process.onChange(listener),
    },
    stream,
    options,
  );
  host.readerOpened(hosted);
  const release = options.lossless ? holdFloor(hosted, sender) : () => {};
  const unregister = register(sender);
  sender.onDone = () => {
    unregister();
    // Whoever started it detached may have got its output and printed nothing of it: it has a record and a log.
    if (!process.detached && sender.complete && options.from === 0 && log.end < SMALL_OUTPUT_BYTES)
      hosted.delivered = true;
    release();
    host.readerClosed(hosted);
  };
  connect(sender, stream);
}

function connect(sender: OutputStream, stream: WireStream): void {
  stream.handler = {
    ...stream.handler,
    onWritable: () => sender.pump(),
    onReset: () => sender.stop(),
  };
  try {
    sender.pump();
  } catch (cause) {
    sender.stop(toBerthError(cause, "berthd"));
  }
}

/** While it reads, the log keeps what it has not got, and with overflow "pause" the process waits for it. */
function holdFloor(hosted: HostedProcess, sender: OutputStream): () => void {
  const { log } = hosted.process;
  log.holders.add(sender);
  sender.onAdvance = () => hosted.process.readerAdvanced();
  return () => {
    log.holders.delete(sender);
    hosted.process.readerAdvanced();
  };
}

async function waitPort(
  { host, waitForPort }: ProcessServiceOptions,
  { id, workspace, port, timeoutMs }: Params<"process.waitPort">,
  stop: AbortController,
  session: ClientSession,
): Promise<void> {
  const signal = AbortSignal.any([stop.signal, session.signal]);
  let unlisten = (): void => {};
  try {
    if (id === undefined) {
      await waitForPort(port, { timeoutMs, signal });
      return;
    }
    const { process } = await host.findLive(id, workspace);
    const ended = new Promise<never>((_resolve, reject) => {
      unlisten = process.onChange(() => {
        if (process.finished) {
          reject(berthError("process.ended_before_ready", { hop: "berthd", context: { id: process.id } }));
        }
      });
    });
    await Promise.race([waitForPort(port, { timeoutMs, signal }), ended]);
  } finally {
    unlisten();
    stop.abort();
  }
}
