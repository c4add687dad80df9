import { type BerthError, isBerthError } from "../../contract/errors.ts";
import type { SshConnection } from "./connection.ts";
import type { ConnectOptions, SshTarget } from "./target.ts";

/** A connection, and why it is one of this transport: for `berth check`. */
export interface ChosenConnection {
  readonly connection: SshConnection;
  readonly reason: string;
}

export type SshConnector = (target: SshTarget, options: ConnectOptions) => Promise<ChosenConnection>;

export type ConnectFunction = (target: SshTarget, options: ConnectOptions) => Promise<SshConnection>;

/** The two ways to connect, as a seam for tests. Each is loaded when it is used first: ssh2 takes 60 ms. */
export interface Connectors {
  readonly openssh: ConnectFunction;
  readonly ssh2: ConnectFunction;
}

const CONNECTORS: Connectors = {
  openssh: async (target, options) => {
    const { connectOpenSsh } = await import("./openssh/connect.ts");
    return connectOpenSsh(target, options);
  },
  ssh2: async (target, options) => {
    const { connectSsh2 } = await import("./ssh2/connect.ts");
    return connectSsh2(target, options);
  },
};

const NO_CLIENT = "there is no ssh on this machine";
const BEST = "it knows all of the user's ssh configuration";

/**
 * Makes the function that connects by the transport that the configuration names. With "auto" that is OpenSSH, which
 * knows all of the user's configuration; it is ssh2 where there is no `ssh`, and where a password or an answer has to be
 * given by this program. A host that needed an answer once is not asked by OpenSSH again, which could only fail.
 * The function throws what the chosen transport throws.
 */
export function createSshConnector(connectors: Connectors = CONNECTORS): SshConnector {
  const needAnswers = new Map<string, string>();
  return async (target, options) => {
    const by = async (transport: "openssh" | "ssh2", reason: string): Promise<ChosenConnection> => ({
      connection: await connectors[transport](target, options),
      reason,
    });
    if (target.transport !== "auto") return by(target.transport, "the configuration says so");
    for (const field of ["password", "passphrase"] as const) {
      if (target[field] !== undefined) {
        return by("ssh2", `the configuration has a ${field}, which OpenSSH takes from a person only`);
      }
    }
    if (target.resolvedBy === "berth") return by("ssh2", NO_CLIENT);
    const needed = needAnswers.get(target.key);
    if (needed !== undefined && options.onPrompt !== undefined) return by("ssh2", needed);
    try {
      return await by("openssh", BEST);
    } catch (error) {
      if (isBerthError(error, "ssh.client_missing")) return by("ssh2", NO_CLIENT);
      if (options.onPrompt === undefined || options.signal.aborted || !canBeAnswered(error)) throw error;
      const reason = `OpenSSH cannot ask through this program: ${error.message}`;
      const chosen = await by("ssh2", reason);
      needAnswers.set(target.key, reason);
      return chosen;
    }
  };
}

/** True for what OpenSSH fails with and a person could help: it has a key's passphrase, or a password. */
export function canBeAnswered(error: unknown): error is BerthError {
  if (isBerthError(error, "ssh.key_encrypted")) return true;
  if (!isBerthError(error, "ssh.auth_failed")) return false;
  const { methods } = error.context;
  return /\b(password|keyboard-interactive)\b/.test(Array.isArray(methods) ? methods.join() : `${methods}`);
}
