import type { Client, NegotiatedAlgorithms } from "ssh2";
import { type BerthError, berthError, toBerthError } from "../../../contract/errors.ts";
import { abortedError } from "../../abort.ts";
import { verifyHostKey } from "../host-keys.ts";
import { fingerprint, hostKeyOf, knownAlgorithms, readKnownKeys } from "../known-hosts.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import { offeredAlgorithms } from "./algorithms.ts";
import { Authentication } from "./authentication.ts";
import { printable } from "./identities.ts";
import { prepareKeys } from "./inside.ts";
import type { Ssh2 } from "./library.ts";
import type { Way } from "./way.ts";

/** What a server may say before its version: RFC 4253, 4.2, has no limit; more than this is no SSH server. */
const FIRST_WORDS_BYTES = 2_048;

export interface LoggedIn {
  readonly client: Client;
  /** "OpenSSH_9.2p1, AES-128-GCM, …, key ~/.ssh/id_ed25519 SHA256:… by agent" */
  readonly detail: string;
}

/**
 * Key exchange, host key and authentication on a way that is open.
 * @throws ssh.handshake_failed, ssh.server_busy, ssh.host_key_unknown, ssh.host_key_changed, ssh.host_key_revoked,
 *   ssh.auth_failed, ssh.password_refused, ssh.too_many_keys, ssh.key_unusable, ssh.key_encrypted,
 *   ssh.secret_unavailable, ssh.proxy_failed, operation.aborted
 */
export async function logIn(
  ssh2: Ssh2,
  way: Way,
  target: SshTarget,
  options: ConnectOptions,
): Promise<LoggedIn> {
  const known = knownAlgorithms(await readKnownKeys(target));
  const outcome = Promise.withResolvers<void>();
  const hostKey = new HostKeyVerification(target, outcome.reject);
  const authentication = new Authentication(ssh2, target, options, outcome.reject);
  const words = new FirstWords(way);
  const client = new ssh2.Client();
  let negotiated: NegotiatedAlgorithms | undefined;
  let trouble: SshError | undefined;
  client.on("error", (error: SshError) => {
    // One key that could not sign is not the end of the login.
    if (error.level === "agent") return;
    trouble ??= error;
    outcome.reject(error);
  });
  client.on("handshake", (result) => {
    negotiated ??= result;
    prepareKeys(client);
  });
  client.once("ready", outcome.resolve);
  client.once("close", () => outcome.reject(trouble ?? new Error("the server closed the connection")));
  client.on("change password", () => {
    authentication.failure ??= passwordExpired(target);
    outcome.reject(authentication.failure);
  });
  const onAbort = (): void => outcome.reject(options.signal.reason);
  options.signal.addEventListener("abort", onAbort, { once: true });
  try {
    if (options.signal.aborted) throw abortedError(options.signal);
    // It may have ended before anybody listened: ssh2 would wait for it.
    if (way.stream.destroyed || way.stream.readableEnded) throw new Error("the server closed the connection");
    client.connect({
      sock: way.stream,
      username: target.user,
      authHandler: authentication.handler,
      hostVerifier: (blob: Buffer, verified: (permitted: boolean) => void) => hostKey.verify(blob, verified),
      algorithms: offeredAlgorithms(known),
      // The caller's signal is the deadline: a person who is asked for a password takes as long as it takes.
      readyTimeout: 0,
      // The connection asks by itself: ssh2's timer would keep the process alive, and counts only answers as life.
      keepaliveInterval: 0,
      // Forwarding of unix sockets is not OpenSSH's alone.
      strictVendor: false,
      ...(target.forwardAgent && target.identityAgent !== undefined ? { agent: target.identityAgent } : {}),
    });
    client.setNoDelay(true);
    await outcome.promise;
  } catch (cause) {
    way.stream.destroy();
    if (options.signal.aborted) throw abortedError(options.signal);
    throw hostKey.failure ?? explain(cause as SshError, target, way, words, authentication);
  } finally {
    options.signal.removeEventListener("abort", onAbort);
    words.stop();
  }
  const parts = [
    words.software,
    negotiated?.cs.cipher,
    negotiated?.kex,
    `host key ${negotiated?.serverHostKey} ${hostKey.fingerprint}`,
    authentication.description || "no authentication",
    way.description,
  ];
  return { client, detail: parts.filter((part) => part !== undefined).join(", ") };
}

interface SshError extends Error {
  readonly level?: string;
}

/** The host's key against known_hosts; a new one is recorded where the configuration says so. */
class HostKeyVerification {
  failure: BerthError | undefined;
  #verified: Buffer | undefined;
  readonly #target: SshTarget;
  readonly #broken: (error: unknown) => void;

  constructor(target: SshTarget, broken: (error: unknown) => void) {
    this.#target = target;
    this.#broken = broken;
  }

  get fingerprint(): string {
    return this.#verified === undefined ? "" : fingerprint(this.#verified);
  }

  /** Also called for each new key exchange, in which a server has to show the key of the first one. */
  verify(blob: Buffer, verified: (permitted: boolean) => void): void {
    if (this.#verified !== undefined) {
      verified(this.#verified.equals(blob));
      return;
    }
    // ssh2 goes on to use its buffer.
    const copy = Buffer.from(blob);
    verifyHostKey(this.#target, hostKeyOf(copy))
      .then(
        () => {
          this.#verified = copy;
          verified(true);
        },
        (error: unknown) => {
          this.failure = toBerthError(error, "transport");
          verified(false);
        },
      )
      .catch(this.#broken);
  }
}

/** What the server says before and in its version line; ssh2 keeps it to itself when it is no SSH server. */
class FirstWords {
  #bytes = Buffer.alloc(0);
  readonly #way: Way;

  constructor(way: Way) {
    this.#way = way;
    way.stream.pause();
    way.stream.on("data", this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(0, FIRST_WORDS_BYTES);
    if (this.#bytes.length >= FIRST_WORDS_BYTES || this.#version !== undefined) this.stop();
  };

  stop(): void {
    this.#way.stream.off("data", this.#onData);
  }

  get text(): string {
    return printable(this.#bytes.toString("utf8")).trim();
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  get isSsh(): boolean {
    return this.#version !== undefined;
  }

  /** "OpenSSH_9.2p1" */
  get software(): string | undefined {
    return this.#version;
  }

  get #version(): string | undefined {
    return /^SSH-(?:2\.0|1\.99)-([!-~]+)[^\n]*\n/m.exec(this.#bytes.toString("latin1"))?.[1];
  }
}

function explain(
  cause: SshError,
  target: SshTarget,
  way: Way,
  words: FirstWords,
  authentication: Authentication,
): BerthError {
  const inLogin = authentication.explainEnd(cause.message);
  if (inLogin !== undefined) return inLogin;
  const options = { hop: "transport" as const, cause, context: { host: target.name } };
  // sshd says "Exceeded MaxStartups" since 8.8, and "Not allowed at this time" where it punishes an address since 9.8.
  if (/MaxStartups|not allowed at this time|too many (?:open )?connections/i.test(words.text)) {
    return berthError("ssh.server_busy", options);
  }
  const failed = (reason: string) =>
    berthError("ssh.handshake_failed", {
      ...options,
      message: `the SSH handshake with ${target.name} failed: ${reason}`,
    });
  if (!words.isSsh) {
    const ofWay = way.failure();
    if (ofWay !== undefined) return ofWay;
    if (words.isEmpty) return failed("the server closed the connection before it said anything");
    return failed(`it is no SSH server; it says ${JSON.stringify(words.text.slice(0, 120))}`);
  }
  return failed(printable(cause.message));
}

function passwordExpired(target: SshTarget): BerthError {
  return berthError("ssh.password_refused", {
    hop: "transport",
    message: `the password for ${target.name} has expired`,
    hint: `Log in by hand and set a new one: ssh ${target.name}`,
    context: { host: target.name },
  });
}
