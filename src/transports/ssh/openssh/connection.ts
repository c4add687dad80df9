import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError } from "../../../contract/errors.ts";
import { abortedError } from "../../abort.ts";
import { shellQuote } from "../../shell-quote.ts";
import type { RawProcess } from "../../transport.ts";
import type { SshConnection } from "../connection.ts";
import type { SshTarget } from "../target.ts";
import type { Channel } from "./channel.ts";
import { channelDuplex, sessionStreams } from "./channel-streams.ts";
import { ChannelRefused, Channels, OPEN_FAILURE } from "./channels.ts";
import { lossReason } from "./classify.ts";
import type { MasterLog } from "./login.ts";
import { endMaster, type OwnedMaster, releaseMaster } from "./masters.ts";
import { SessionAhead } from "./session-ahead.ts";

interface Signal {
  readonly signal?: AbortSignal | undefined;
}

export interface OpenSshConnectionOptions {
  readonly target: SshTarget;
  readonly master: OwnedMaster;
  /** Of a master that this process has started. */
  readonly log: MasterLog | undefined;
  readonly detail: string;
}

/**
 * The connection of a master. Sessions and forwardings are channels that this process opens itself, by the protocol
 * that the master passes on (`ssh -O proxy`): so a refusal, a command's own 255 and the end of the connection are told
 * apart by what the server says and not by text, no local socket and no further process is needed, and nothing can
 * fall back to a second login.
 */
export function openSshConnection(options: OpenSshConnectionOptions): SshConnection {
  const { target, master, log } = options;
  const channels = new Channels(master.proxy);
  let closing: Promise<void> | undefined;
  let forwards = false;
  const lost = (cause?: unknown): BerthError => disconnected(target, undefined, cause);

  const ended = channels.ended.then(async (): Promise<BerthError | undefined> => {
    if (closing !== undefined) return undefined;
    const reason = log === undefined ? undefined : lossReason(await log.read().catch(() => ""));
    // What cannot be cleaned up changes nothing about the loss, which everybody waits to be told.
    await Promise.allSettled([log?.[Symbol.asyncDispose](), endMaster(master)]);
    return disconnected(target, reason);
  });

  const open = async (type: string, fields: readonly (string | number)[], signal?: AbortSignal) => {
    if (signal?.aborted) throw abortedError(signal);
    if (channels.closed || closing !== undefined) throw lost();
    try {
      return await channels.open(type, fields, signal);
    } catch (cause) {
      if (signal?.aborted) throw abortedError(signal);
      if (cause instanceof ChannelRefused) throw cause;
      throw lost(cause);
    }
  };

  const sessions = new SessionAhead((signal) =>
    open("session", [], signal).catch((cause) => {
      if (!(cause instanceof ChannelRefused)) throw cause;
      throw berthError("ssh.sessions_refused", {
        hop: "transport",
        context: { host: target.name, reason: cause.message },
        cause,
      });
    }),
  );

  /** A session whose request the server has accepted. */
  const session = async (
    request: readonly [string, string],
    refused: () => BerthError,
    { signal }: Signal,
  ) => {
    const channel = await sessions.take(signal);
    const onAbort = (): void => channel.close();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      if (target.forwardAgent && request[0] === "exec") void channel.request("auth-agent-req@openssh.com");
      const accepted = await channel.request(...request);
      if (signal?.aborted) throw abortedError(signal);
      if (accepted) {
        sessions.prepare();
        return channel;
      }
      if (channels.closed) throw lost();
      channel.close();
      throw refused();
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  };

  const exec = async (commandLine: string, request: Signal): Promise<RawProcess> => {
    const channel = await session(["exec", commandLine], () => noShell(target), request);
    return rawProcess(channel, lost);
  };

  const dialUnix = async (socketPath: string, request: Signal): Promise<Duplex> => {
    const context = { host: target.name, path: socketPath };
    try {
      // Path, and two fields that are reserved (PROTOCOL, 2.4).
      const channel = await open("direct-streamlocal@openssh.com", [socketPath, "", 0], request.signal);
      forwards = true;
      return channelDuplex(channel, { endsAt: "eof", failure: (cause) => cause && lost(cause) });
    } catch (cause) {
      if (!(cause instanceof ChannelRefused)) throw cause;
      const forbidden =
        cause.reason === OPEN_FAILURE.administrativelyProhibited ||
        cause.reason === OPEN_FAILURE.unknownChannelType ||
        (!forwards && (await exists(exec, socketPath, request)));
      if (forbidden) throw berthError("ssh.forwarding_refused", { hop: "transport", context, cause });
      throw berthError("transport.unavailable", {
        hop: "transport",
        message: `nothing listens on ${socketPath} of ${target.name}`,
        context,
        cause,
      });
    }
  };

  const sftp = async (request: Signal): Promise<Duplex> => {
    const missing = (): BerthError =>
      berthError("ssh.sftp_missing", { hop: "transport", context: { host: target.name } });
    const channel = await session(["subsystem", "sftp"], missing, request);
    return channelDuplex(channel, {
      endsAt: "close",
      // A subsystem whose program is not there is accepted, and ends.
      failure: (cause, hadBytes) => (cause ? lost(cause) : hadBytes ? undefined : missing()),
    });
  };

  const close = (): Promise<void> => {
    if (channels.closed && closing === undefined) return ended.then(() => {});
    closing ??= (async () => {
      // What was refused or is not answered yet would end the master when this process goes (Channels.refusals).
      const clean = channels.refusals === 0 && channels.opening === 0;
      await (clean ? releaseMaster(master) : endMaster(master));
      await log?.[Symbol.asyncDispose]();
    })();
    return closing;
  };

  return {
    transport: "openssh",
    detail: options.detail,
    exec,
    dialUnix,
    sftp,
    ref: () => void master.proxy.ref(),
    unref: () => void master.proxy.unref(),
    close,
    ended,
    get closed() {
      return channels.closed || closing !== undefined;
    },
  };
}

function rawProcess(channel: Channel, lost: (cause?: unknown) => BerthError): RawProcess {
  const { stdin, stdout, stderr, exit } = sessionStreams(channel, lost);
  const closed = Promise.withResolvers<{ exitCode: null; signal: null }>();
  const outcome = Promise.race([
    closed.promise,
    exit.then((how) => {
      // The server closes a session without a word when it ends the connection.
      if (how === undefined) throw lost();
      return how;
    }),
  ]);
  outcome.catch(() => {});
  return {
    stdin,
    stdout,
    stderr,
    exit: outcome,
    close: () => {
      closed.resolve({ exitCode: null, signal: null });
      channel.close();
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    },
  };
}

/**
 * sshd answers alike when nothing listens on a socket and when it may not be forwarded to (AllowStreamLocalForwarding,
 * DisableForwarding), so the difference is looked for in the place. A socket that is there counts as forbidden as long
 * as none could be dialled, although it may be one that a killed daemon left: the way over the bridge then says so.
 */
async function exists(
  exec: (commandLine: string, request: Signal) => Promise<RawProcess>,
  socketPath: string,
  request: Signal,
): Promise<boolean> {
  const look = await exec(`test -S ${shellQuote(socketPath)}`, request).catch((cause: unknown) => {
    if (isBerthError(cause, "ssh.sessions_refused")) return undefined;
    throw cause;
  });
  if (look === undefined) return false;
  look.stdin.end();
  look.stdout.resume();
  look.stderr.resume();
  const onAbort = (): void => look.close();
  request.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const { exitCode } = await look.exit;
    if (request.signal?.aborted) throw abortedError(request.signal);
    return exitCode === 0;
  } finally {
    request.signal?.removeEventListener("abort", onAbort);
  }
}

function noShell(target: SshTarget): BerthError {
  return berthError("ssh.no_shell", { hop: "transport", context: { host: target.name } });
}

function disconnected(target: SshTarget, reason: string | undefined, cause?: unknown): BerthError {
  return berthError("transport.disconnected", {
    hop: "transport",
    message: `the connection to ${target.name} was lost${reason === undefined ? "" : `: ${reason}`}`,
    context: { host: target.name, ...(reason === undefined ? {} : { reason }) },
    cause,
  });
}
