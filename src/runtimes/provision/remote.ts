import type { Duplex } from "node:stream";
import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import { collect } from "../../transports/collect.ts";
import type { Transport } from "../../transports/transport.ts";
import { PROTOCOL_MAX } from "../../wire/frame.ts";
import type { WireClient } from "../../wire/types.ts";
import { findPayload, type Payload } from "../payload.ts";
import { type InstallPlace, installPart } from "../payload-install.ts";
import type { PayloadPart, PayloadPlatform } from "../payload-manifest.ts";
import { uploadPart } from "../payload-upload.ts";
import type { ConnectOptions, Handshake } from "./handshake.ts";
import { ownBootId } from "./isolation.ts";
import type { DaemonMemory, KnownDaemon } from "./known-daemon.ts";
import { runScript } from "./marked-stream.ts";
import { type ProbeAnswer, parseProbe, platformOf, stateOf } from "./probe-answer.ts";
import { probeScript } from "./probe-script.ts";
import type { ProgressSink } from "./progress.ts";
import { logTailScript, START_MARK, startScript } from "./start-script.ts";

const PROBE_DEADLINE_MS = 30_000;
const START_DEADLINE_MS = 30_000;
const SCRIPT_DEADLINE_MS = 60_000;
const LOG_DEADLINE_MS = 10_000;
/** For the choice of a directory, before the platform and so the exact payload are known. */
const NEEDED_KIB = { bundle: 8 * 1024, withNode: 180 * 1024 };

export interface RemoteDaemonOptions {
  readonly transport: Transport;
  readonly progress: ProgressSink;
  /** Name of the place among those that may share a state directory, such as a container's id. */
  readonly instance?: string | undefined;
  readonly stateDir?: string | undefined;
  /** Does the handshake. The stream is destroyed when it fails. */
  readonly handshake: Handshake;
  readonly payload?: (platform: PayloadPlatform) => Promise<Payload>;
  readonly serveArguments?: readonly string[];
  /**
   * Directory of this machine for compressed payloads, for places behind a network: uploads go over one channel,
   * compressed, and go on where they were cut off. Default: a plain archive by the transport's `put`.
   */
  readonly archives?: string | undefined;
  /** Remembers for the next process how the daemon is reached. Default: each looks at the place. */
  readonly memory?: DaemonMemory | undefined;
}

/** A way to the daemon of a place: installs and starts it where that is needed. */
export interface DaemonConnector {
  /**
   * A connection to the place's daemon. A daemon that is known is dialled first; the place is looked at only when
   * that fails.
   * @throws what the transport throws; provision.*, runtime.platform_unsupported, payload.not_built, wire.*
   */
  connect(options: ConnectOptions): Promise<WireClient>;
  /** What the last look found; undefined before the first. */
  readonly found: ProbeAnswer | undefined;
  /** What a look, of this process or an earlier one, found of what the place shares with this machine. */
  readonly namespaces: readonly string[];
  /** Looks at the place without changing more than a directory to be. */
  probe(options: { readonly signal?: AbortSignal | undefined }): Promise<ProbeAnswer>;
}

export function createRemoteConnector(options: RemoteDaemonOptions): DaemonConnector {
  const { transport, progress, handshake } = options;
  let known: KnownDaemon | undefined;
  let recalled = options.memory === undefined;
  let found: ProbeAnswer | undefined;
  let preparing: Promise<unknown> = Promise.resolve();

  async function connect(asked: ConnectOptions): Promise<WireClient> {
    if (!recalled) {
      recalled = true;
      const earlier = await options.memory?.recall();
      known ??= earlier;
    }
    const before = known;
    if (before !== undefined) {
      const client = await dialKnown(before, asked);
      if (client !== undefined) return client;
    }
    // One at a time: a second connection of this client finds what the first has made ready.
    const turn = preparing.then(async () => {
      if (known !== undefined && known !== before) {
        const client = await dialKnown(known, asked);
        if (client !== undefined) return client;
      }
      return prepare(asked);
    });
    preparing = turn.catch(() => {});
    return turn;
  }

  /** undefined when no daemon answers there any more. */
  async function dialKnown(
    daemon: KnownDaemon,
    { signal, clientId }: ConnectOptions,
  ): Promise<WireClient | undefined> {
    try {
      const stream = await transport.dial(daemon.socketPath, {
        bridge: daemon.bridge,
        ...(signal === undefined ? {} : { signal }),
      });
      // The same start of the daemon has the same token; of another one nothing is known.
      const client = await handshake(stream, daemon.token, signal, { pipelined: true, clientId });
      if (client.hello.bootId === daemon.bootId) return client;
      client.close();
      return undefined;
    } catch (error) {
      if (!daemonMayBeGone(error)) throw error;
      return undefined;
    }
  }

  async function prepare(asked: ConnectOptions): Promise<WireClient> {
    const { signal } = asked;
    progress.phase("probe", `looking at ${transport.description}`);
    const first = await probe(true, signal);
    if (first.stream !== undefined && first.answer.running !== undefined) {
      const { directory, token, bridge } = first.answer.running;
      try {
        progress.phase("handshake", "a daemon is running there");
        return await reached(first.stream, directory, token, bridge, asked);
      } catch (error) {
        if (!daemonMayBeGone(error)) throw error;
      }
    }
    const answer = first.answer.complete ? first.answer : (await probe(false, signal)).answer;
    return installAndStart(answer, asked);
  }

  async function probe(dial: boolean, signal: AbortSignal | undefined) {
    const script = probeScript({
      instance: options.instance,
      stateDir: options.stateDir,
      protocol: PROTOCOL_MAX,
      neededKib: NEEDED_KIB,
      dial,
      ownBootId: await ownBootId(),
    });
    const result = await runScript(transport, script, {
      deadlineMs: PROBE_DEADLINE_MS,
      signal,
      late: (output) => probeFailed("no answer", output),
    });
    const answer = parseProbe(result.lines);
    if (result.stream === undefined && !answer.complete && answer.running === undefined) {
      const output = `${result.lines.join("\n")}\n${result.stderr}`.trim();
      throw probeFailed(`exit code ${result.exitCode}`, output, result.exitCode);
    }
    found = answer;
    return { answer, stream: result.stream };
  }

  function probeFailed(reason: string, output: string, exitCode: number | null = null): BerthError {
    const lines = lastLines(output);
    // The engine's words when the shell itself is what is missing.
    const noShell = (exitCode === 126 || exitCode === 127) && /\/bin\/sh/.test(output);
    return berthError(noShell ? "docker.no_shell" : "provision.probe_failed", {
      hop: "transport",
      ...(noShell ? {} : { message: `${transport.description} did not answer the first probe: ${reason}` }),
      context: { container: transport.description, output: lines },
    });
  }

  async function installAndStart(answer: ProbeAnswer, asked: ConnectOptions): Promise<WireClient> {
    const { signal } = asked;
    const platform = platformOf(answer);
    const { state, runDirectory } = stateOf(answer);
    const payload = await (options.payload ?? findPayload)(platform);
    const base = `${state}/payload`;
    await install(payload, "bundle", base, answer, signal);
    if (answer.node === undefined) await install(payload, "node", base, answer, signal);
    progress.phase("start", `starting the daemon ${located(transport.description)}`);
    const script = startScript({
      manifest: payload.manifest,
      bundleDirectory: `${base}/${payload.directoryName("bundle")}`,
      node:
        answer.node === undefined
          ? { directory: `${base}/${payload.directoryName("node")}` }
          : { executable: answer.node },
      runDirectory,
      serveArguments: options.serveArguments ?? [],
    });
    const started = await runScript(transport, script, {
      deadlineMs: START_DEADLINE_MS,
      signal,
      late: (output) =>
        berthError("provision.start_failed", { hop: "transport", context: { output: lastLines(output) } }),
    });
    if (started.stream === undefined) {
      const output = `${started.lines.filter((line) => !line.startsWith(START_MARK)).join("\n")}\n${started.stderr}`;
      throw await startFailed(runDirectory, `exit code ${started.exitCode}`, output);
    }
    progress.phase("handshake", "the daemon is up");
    try {
      const value = (key: string) => startValue(started.lines, key);
      return await reached(started.stream, runDirectory, value("token"), value("bridge"), asked);
    } catch (error) {
      if (!daemonMayBeGone(error)) throw error;
      throw await startFailed(runDirectory, (error as BerthError).message, "", error);
    }
  }

  async function reached(
    stream: Duplex,
    directory: string,
    token: string,
    bridge: string,
    { signal, clientId }: ConnectOptions,
  ): Promise<WireClient> {
    // Directory, token and stream come from one look at the place: the token is that of the daemon.
    const client = await handshake(stream, token, signal, { pipelined: true, clientId });
    const { bootId } = client.hello;
    if (bootId === undefined) return client;
    known = {
      bootId,
      socketPath: `${directory}/sock`,
      token,
      bridge: ["/bin/sh", "-c", `exec ${bridge} "$0"`],
      namespaces: [...(found?.namespaces ?? [])],
    };
    await options.memory?.remember(known);
    return client;
  }

  async function install(
    payload: Payload,
    part: PayloadPart,
    base: string,
    answer: ProbeAnswer,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (answer.installed.includes(payload.directoryName(part))) return;
    const what = part === "bundle" ? "the daemon" : "a Node for it";
    const message = `putting ${what} into ${transport.description}`;
    const { archives } = options;
    if (archives !== undefined) {
      const uploaded = await uploadPart(payload, part, transport, {
        base,
        archives,
        signal,
        onBegin: (bytesThere, bytesTotal) => {
          const again = bytesThere === 0 ? message : `${message}, where an earlier upload was cut off`;
          progress.phase("upload", again, { part, bytesThere, bytesTotal });
        },
        onProgress: (done, total) => progress.bytes("upload", message, done, total),
      });
      if (uploaded !== undefined) return;
    }
    const place: InstallPlace = {
      run: async (script) =>
        collect(await transport.run(["/bin/sh", "-c", script]), {
          deadlineMs: SCRIPT_DEADLINE_MS,
          ...(signal === undefined ? {} : { signal }),
        }),
      put: (archive, directory) => transport.put(archive, directory, signal === undefined ? {} : { signal }),
    };
    const totalBytes = payload.tarSize(part);
    let announced = false;
    await installPart(payload, part, place, {
      base,
      owner: { uid: answer.uid, gid: answer.gid },
      signal,
      onProgress: (done, total) => {
        if (!announced) progress.phase("upload", message, { part, bytesTotal: totalBytes });
        announced = true;
        progress.bytes("upload", message, done, total);
      },
    });
  }

  async function startFailed(
    runDirectory: string,
    reason: string,
    output: string,
    cause?: unknown,
  ): Promise<BerthError> {
    // Best effort: what failed is reported, with or without the daemon's own words, also when the way there is lost.
    const log = await transport
      .run(["/bin/sh", "-c", logTailScript(runDirectory)], { signal: AbortSignal.timeout(LOG_DEADLINE_MS) })
      .then((process) => collect(process, { deadlineMs: LOG_DEADLINE_MS }))
      .catch(() => undefined);
    const lines = lastLines(`${output}\n${log?.stdout ?? ""}`);
    return berthError("provision.start_failed", {
      hop: "transport",
      message: `the daemon did not start ${located(transport.description)}: ${lines.at(-1) ?? reason}`,
      context: { reason, output: lines },
      cause,
    });
  }

  return {
    connect,
    get found() {
      return found;
    },
    get namespaces() {
      return found?.namespaces ?? known?.namespaces ?? [];
    },
    probe: async ({ signal }) => (await probe(false, signal)).answer,
  };
}

/** Errors after which a look at the place may find another daemon, or start one. */
function daemonMayBeGone(error: unknown): boolean {
  return (
    isBerthError(error, "transport.unavailable") ||
    isBerthError(error, "transport.disconnected") ||
    isBerthError(error, "wire.unauthorized") ||
    isBerthError(error, "wire.version_mismatch") ||
    isBerthError(error, "wire.protocol_error") ||
    isBerthError(error, "operation.timeout")
  );
}

function startValue(lines: readonly string[], key: string): string {
  const prefix = `${START_MARK} ${key} `;
  return lines.findLast((line) => line.startsWith(prefix))?.slice(prefix.length) ?? "";
}

function lastLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .slice(-20);
}
