import type { SecretReference } from "../../contract/config-ssh.ts";
import type { ConnectPrompt } from "../../contract/runtime.ts";

/** A host as it is connected to: the configuration, and what the user's ssh configuration makes of it. */
export interface SshTarget {
  /** For people and for commands that they repeat: "box", "dev@box:2222". */
  readonly name: string;
  /** What is handed to `ssh` as destination: the alias or host name of the configuration. */
  readonly alias: string;
  /** Given by Berth's configuration and not only by the user's ssh configuration: goes to `ssh` as options. */
  readonly given: {
    readonly user?: string | undefined;
    readonly port?: number | undefined;
    /** Absolute. Tried first and, as with `ssh -i`, in place of the agent's other keys and of the default ones. */
    readonly identityFile?: string | undefined;
    /** Absolute; in place of the user's and the system's known_hosts. */
    readonly knownHostsFile?: string | undefined;
    /** Absolute: `ssh -F`. ssh takes the home directory of the account, not of HOME. */
    readonly configFile?: string | undefined;
  };
  readonly hostname: string;
  readonly user: string;
  readonly port: number;
  /** Absolute, in the order in which they are tried; those that don't exist are left out. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Socket of the agent; undefined where there is none. */
  readonly identityAgent: string | undefined;
  readonly certificateFiles: readonly string[];
  /** Hosts on the way, as written: "jump" or "a,b"; undefined for none. */
  readonly proxyJump: string | undefined;
  /** With its % tokens, as written. */
  readonly proxyCommand: string | undefined;
  /** Name under which the host's key is kept, when it is not the host name. */
  readonly hostKeyAlias: string | undefined;
  /** Absolute. The first is where new hosts are recorded. */
  readonly userKnownHostsFiles: readonly string[];
  readonly globalKnownHostsFiles: readonly string[];
  /** RevokedHostKeys of the user's configuration: a list of public keys or a key revocation list. */
  readonly revokedHostKeysFile: string | undefined;
  /** What ssh offers, in its order; empty where no ssh has said it. */
  readonly ciphers: readonly string[];
  readonly hashKnownHosts: boolean;
  readonly hostKeys: "strict" | "accept-new";
  readonly forwardAgent: boolean;
  /** Milliseconds to connect and authenticate. */
  readonly connectTimeoutMs: number;
  readonly maxConnections: number;
  readonly transport: "auto" | "openssh" | "ssh2";
  readonly password: SecretReference | undefined;
  readonly passphrase: SecretReference | undefined;
  /**
   * Of the options by which ssh can take a host for known without a known_hosts file, those that this ssh has and
   * that have to be turned off by name: an ssh without them would refuse the name.
   */
  readonly hostProofs: readonly ("GSSAPIKeyExchange" | "KnownHostsCommand")[];
  /** Whose reading of the user's ssh configuration this is: that of `ssh -G`, or Berth's few defaults. */
  readonly resolvedBy: "openssh" | "berth";
  /** What does not count because this machine has no ssh, in sentences. */
  readonly lost: readonly string[];
  /** 12 hexadecimal digits of all the above that decides which connection it is. */
  readonly key: string;
}

export type AskPerson = (prompt: ConnectPrompt) => Promise<string | undefined>;

export interface ConnectOptions {
  /** Aborted when nobody waits for the connection any more, or when connectTimeoutMs is over. */
  readonly signal: AbortSignal;
  /** Asks a person; absent where nobody can be asked. */
  readonly onPrompt?: AskPerson | undefined;
}
