import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeFields, FieldReader } from "./message.ts";

/** PROTOCOL.mux of OpenSSH; the version has been 4 since 2010. */
const HELLO = 0x00000001;
const VERSION = 4;
const REQUEST = { aliveCheck: 0x10000004, terminate: 0x10000005, proxy: 0x1000000f } as const;
const ANSWER = { ok: 0x80000001, alive: 0x80000005, proxy: 0x8000000f } as const;
const MAX_MESSAGE_BYTES = 256 * 1024;
/** A master answers from its own loop without asking the server; one that is stopped or stuck never does. */
const ANSWER_DEADLINE_MS = 3_000;

/** Why a control socket is of no use: nobody listens any more, or who listens does not do what is asked. */
export class ControlFailure extends Error {
  readonly gone: boolean;

  constructor(message: string, gone: boolean) {
    super(message);
    this.gone = gone;
  }
}

/** @returns the process id of the master behind a control socket. @throws ControlFailure */
export async function checkMaster(path: string): Promise<number> {
  const { socket, fields } = await request(path, REQUEST.aliveCheck, ANSWER.alive);
  socket.destroy();
  return fields.uint32();
}

/** Ends a master with everything that is open on it. @throws ControlFailure */
export async function terminateMaster(path: string): Promise<void> {
  const { socket } = await request(path, REQUEST.terminate, ANSWER.ok);
  socket.destroy();
}

/**
 * A stream of packets of the SSH connection protocol to the server, through the master (`ssh -O proxy`, OpenSSH 7.4
 * and later). The master translates channel numbers and otherwise passes them on.
 * @throws ControlFailure
 */
export async function openProxy(path: string): Promise<Socket> {
  const { socket } = await request(path, REQUEST.proxy, ANSWER.proxy);
  // The master may end before whoever asked listens; then the socket is found destroyed.
  socket.on("error", () => {});
  return socket;
}

/**
 * Says hello, asks one thing and waits for the answer. Nothing behind the answer is read: it is of another protocol.
 */
async function request(
  path: string,
  type: number,
  wanted: number,
): Promise<{ socket: Socket; fields: FieldReader }> {
  const socket = connect({ path });
  const timer = setTimeout(
    () => socket.destroy(new ControlFailure("the master does not answer", false)),
    ANSWER_DEADLINE_MS,
  );
  try {
    await once(socket, "connect");
    socket.write(frame(encodeFields([HELLO, VERSION])));
    // A number of its own for each request; there is one on each connection.
    socket.write(frame(encodeFields([type, 0])));
    const hello = await readMessage(socket);
    const [helloType, version] = [hello.uint32(), hello.uint32()];
    if (helloType !== HELLO || version !== VERSION) throw new ControlFailure("it is no ssh master", false);
    const fields = await readMessage(socket);
    const answer = fields.uint32();
    if (answer !== wanted) {
      throw new ControlFailure(`the master refuses what is asked for (${answer.toString(16)})`, false);
    }
    fields.uint32();
    return { socket, fields };
  } catch (cause) {
    socket.destroy();
    if (cause instanceof ControlFailure) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new ControlFailure(code ?? message, code === "ECONNREFUSED" || code === "ENOENT");
  } finally {
    clearTimeout(timer);
  }
}

function frame(message: Buffer): Buffer {
  return Buffer.concat([encodeFields([message.length]), message]);
}

async function readMessage(socket: Socket): Promise<FieldReader> {
  const length = (await readExactly(socket, 4)).readUInt32BE();
  if (length > MAX_MESSAGE_BYTES) throw new ControlFailure("it is no ssh master", false);
  return new FieldReader(await readExactly(socket, length));
}

async function readExactly(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const chunk: Buffer | null = socket.read(bytes);
    // At the end of the stream, what is left comes although it is less.
    if (chunk !== null && chunk.length === bytes) return chunk;
    if (chunk !== null || socket.readableEnded || socket.destroyed) {
      throw socket.errored ?? new ControlFailure("the master has closed the connection", true);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const events = ["readable", "end", "close"] as const;
    for (const event of events) socket.once(event, resolve);
    socket.once("error", reject);
    try {
      await promise;
    } finally {
      for (const event of events) socket.removeListener(event, resolve);
      socket.removeListener("error", reject);
    }
  }
}
