import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { berthError, isBerthError } from "../../contract/errors.ts";
import { throwIfAborted } from "../abort.ts";
import { bridgeStream } from "../bridge.ts";
import { collect, withDeadline } from "../collect.ts";
import type { DialOptions, RawProcess, RunOptions, Transport } from "../transport.ts";
import { runByLoginShell } from "./login.ts";
import type { SshConnectionInfo, SshPool } from "./pool.ts";
import type { PoolWait, SessionWait } from "./pooled-host.ts";
import type { AskPerson, SshTarget } from "./target.ts";

export interface SshTransportOptions {
  readonly target: SshTarget;
  readonly pool: SshPool;
  /** Asks a person; absent where nobody can be asked. */
  readonly onPrompt?: AskPerson | undefined;
  /** Longest wait for the end of a backoff, in milliseconds; 0 fails at once. Default 30,000. */
  readonly maxWaitMs?: number | undefined;
  readonly onWait?: ((milliseconds: number) => void) | undefined;
  /** Milliseconds that start-up files of the login shell have. Default 20,000. */
  readonly loginDeadlineMs?: number | undefined;
}

interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface SshTransport extends Transport {
  /** Sockets of the place have been dialled by forwarding: one more stream is no further session. */
  readonly forwards: boolean;
  /**
   * Sees to it that there is a connection, so that deadlines of what follows do not count the connecting.
   * @throws what connecting throws, ssh.waiting, operation.aborted
   */
  connect(options?: SignalOptions): Promise<SshConnectionInfo>;
  /**
   * A byte stream to the SFTP subsystem.
   * @throws ssh.sftp_missing, and as `connect`
   */
  sftp(options?: SignalOptions & { readonly urgent?: boolean }): Promise<Duplex>;
}

const PUT_DEADLINE_MS = 60 * 60_000;
/** A host that restarts its sshd, or a network that comes back, is there again within it; a wrong port is told in time. */
const DEFAULT_MAX_WAIT_MS = 30_000;

/** What is known of a host by its target's key, for as long as the process lives. */
interface HostFacts {
  /** Its sshd forwards no unix sockets. */
  forwardingRefused: boolean;
  /** It has forwarded one. */
  forwards: boolean;
  /** Start-up files of its login shell wait for input. */
  guarded: boolean;
}

const factsOf = new Map<string, HostFacts>();

/**
 * A host by SSH. Commands run by the login shell of its user (see command-line.ts), in its home directory unless
 * `cwd` says otherwise.
 */
export function createSshTransport(options: SshTransportOptions): SshTransport {
  const { target, pool } = options;
  const description = `ssh host ${target.name}`;
  let facts = factsOf.get(target.key);
  if (facts === undefined) {
    facts = { forwardingRefused: false, forwards: false, guarded: false };
    factsOf.set(target.key, facts);
  }
  const known = facts;
  const open = new Set<{ end(): void }>();
  /** Ends what waits for the host, too: it would go on trying to reach it for nobody. */
  const closing = new AbortController();

  const waitFor = (caller: AbortSignal | undefined): PoolWait & { readonly signal: AbortSignal } => {
    throwIfAborted(closing.signal);
    const { onPrompt, maxWaitMs = DEFAULT_MAX_WAIT_MS, onWait } = options;
    const signal = caller === undefined ? closing.signal : AbortSignal.any([caller, closing.signal]);
    return { signal, onPrompt, maxWaitMs, onWait };
  };

  function adoptStream(stream: Duplex): Duplex {
    const entry = { end: () => void stream.destroy() };
    open.add(entry);
    stream.once("close", () => open.delete(entry));
    return stream;
  }

  async function run(argv: readonly string[], runOptions: RunOptions = {}): Promise<RawProcess> {
    for (const capability of ["env", "user", "tty"] as const) {
      if (runOptions[capability] !== undefined) {
        throw berthError("runtime.capability_unsupported", { context: { capability } });
      }
    }
    const { cwd, urgent } = runOptions;
    const wait = { ...waitFor(runOptions.signal), urgent } satisfies SessionWait;
    const process = await runByLoginShell(argv, {
      exec: (commandLine) => pool.exec(target, commandLine, wait),
      host: target.name,
      cwd,
      signal: wait.signal,
      deadlineMs: options.loginDeadlineMs,
      guarded: known.guarded,
      onGuarded: (guarded) => {
        known.guarded = guarded;
      },
    });
    const entry = { end: () => process.close() };
    open.add(entry);
    const over = () => open.delete(entry);
    process.exit.then(over, over);
    return process;
  }

  async function put(archive: Readable, directory: string, putOptions: SignalOptions = {}): Promise<void> {
    const { signal } = putOptions;
    // It may fail before anybody reads it.
    archive.on("error", () => {});
    const script = `if command -v gzip >/dev/null 2>&1; then echo gzip; gzip -dc | tar -xf - -C "$0"
else echo plain; exec tar -xf - -C "$0"; fi`;
    const tar = await run(["/bin/sh", "-c", script, directory], signal === undefined ? {} : { signal });
    const coding = await withDeadline(firstLine(tar), { deadlineMs: PUT_DEADLINE_MS, signal }).catch(
      (error) => {
        tar.close();
        archive.destroy();
        throw error;
      },
    );
    if (archive.errored) {
      tar.close();
      throw archive.errored;
    }
    const input = coding === "gzip" ? compressed(archive) : archive;
    const { exitCode, stderr } = await collect(tar, {
      input,
      deadlineMs: PUT_DEADLINE_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    if (exitCode === 0) return;
    const lastLine = stderr.trim().split("\n").at(-1) ?? "";
    throw berthError(/no space left|quota/i.test(stderr) ? "provision.no_space" : "transport.unavailable", {
      hop: "transport",
      message: `the archive could not be unpacked in ${directory} of ${description}: ${lastLine}`,
      context: { directory },
    });
  }

  async function dial(socketPath: string, dialOptions: DialOptions = {}): Promise<Duplex> {
    const { signal, bridge } = dialOptions;
    if (!known.forwardingRefused || bridge === undefined) {
      try {
        const stream = await pool.dialUnix(target, socketPath, waitFor(signal));
        known.forwards = true;
        return adoptStream(stream);
      } catch (error) {
        if (!isBerthError(error, "ssh.forwarding_refused")) throw error;
        known.forwardingRefused = true;
        if (bridge === undefined) throw error;
      }
    }
    const process = await run([...(bridge ?? []), socketPath], signal === undefined ? {} : { signal });
    process.exit.then(
      // What the bridge does not reach either was no refusal: sshd answers alike when nobody listens.
      ({ exitCode }) => {
        if (exitCode !== 0) known.forwardingRefused = false;
      },
      () => {},
    );
    return bridgeStream(process, description);
  }

  const close = async (): Promise<void> => {
    closing.abort(berthError("runtime.closed", { runtime: description }));
    for (const entry of [...open]) entry.end();
  };

  return {
    description,
    get forwards() {
      return known.forwards && !known.forwardingRefused;
    },
    run,
    put,
    dial,
    connect: async ({ signal } = {}) => pool.connect(target, waitFor(signal)),
    sftp: async ({ signal, urgent } = {}) =>
      adoptStream(await pool.sftp(target, { ...waitFor(signal), urgent })),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The first line of its stdout, without reading further. */
async function firstLine(process: RawProcess): Promise<string> {
  const { stdout } = process;
  let text = "";
  for (;;) {
    const byte: Buffer | null = stdout.read(1);
    if (byte !== null) {
      if (byte[0] === 0x0a) return text;
      text += byte.toString("latin1");
      continue;
    }
    if (stdout.readableEnded || stdout.destroyed) return text;
    await new Promise<void>((resolve) => {
      const on = () => {
        for (const event of ["readable", "end", "close"]) stdout.off(event, on);
        resolve();
      };
      for (const event of ["readable", "end", "close"]) stdout.once(event, on);
    });
  }
}

function compressed(archive: Readable): Readable {
  const gzip = createGzip();
  // A failure of either destroys both; `collect` throws the one that it sees.
  pipeline(archive, gzip).catch(() => {});
  return gzip;
}
