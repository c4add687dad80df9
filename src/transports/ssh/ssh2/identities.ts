import { homedir } from "node:os";
import { type BerthError, berthError } from "../../../contract/errors.ts";
import { abortedError } from "../../abort.ts";
import { fingerprint } from "../known-hosts.ts";
import { readSecret } from "../secret.ts";
import type { AskPerson, SshTarget } from "../target.ts";
import { type AgentIdentity, listIdentities, signByAgent } from "./agent.ts";
import type { Ssh2 } from "./library.ts";
import { type KeyFile, keyTypeOf, openPrivateKey, readKeyFile } from "./private-key.ts";

/** As OpenSSH's NumberOfPasswordPrompts, which counts for passphrases too. */
const MAX_QUESTIONS = 3;

export type SignatureHash = "sha256" | "sha512" | undefined;

/** A key that a login is tried with. The private half is touched only once the server takes the key. */
export interface Identity {
  readonly publicBlob: Buffer;
  /** "key ~/.ssh/id_ed25519 SHA256:… by agent" */
  readonly description: string;
  sign(data: Buffer, hash: SignatureHash): Promise<Buffer>;
}

/** Why a key could not be used: told when no other way in is found. */
export interface KeyProblem {
  readonly error: BerthError;
  /** The configuration names this very key. */
  readonly named: boolean;
}

/** The keys of a target, in the order in which they are tried. */
export class Identities {
  /** In sentences: keys that only OpenSSH can use. */
  readonly notes: string[] = [];
  readonly problems: KeyProblem[] = [];
  readonly #ssh2: Ssh2;
  readonly #target: SshTarget;
  readonly #ask: AskPerson | undefined;
  readonly #signal: AbortSignal;

  constructor(ssh2: Ssh2, target: SshTarget, ask: AskPerson | undefined, signal: AbortSignal) {
    this.#ssh2 = ssh2;
    this.#target = target;
    this.#ask = ask;
    this.#signal = signal;
  }

  /**
   * Agent first, there the keys that the configuration names; then what is in files alone. A key of an old format that
   * does not tell its public half has its passphrase asked for when its turn comes.
   */
  async *list(): AsyncGenerator<Identity> {
    const { identityAgent, identityFiles, identitiesOnly, certificateFiles } = this.#target;
    const files = await Promise.all(identityFiles.map((path) => readKeyFile(this.#ssh2, path)));
    const held = identityAgent === undefined ? [] : await listIdentities(identityAgent, this.#signal);
    if (certificateFiles.length > 0) {
      this.notes.push("user certificates are not used by ssh2; transport openssh uses them");
    }
    const offered = new Set<string>();
    if (identityAgent !== undefined) {
      for (const identity of this.#byAgent(identityAgent, held, files, identitiesOnly)) {
        offered.add(identity.publicBlob.toString("base64"));
        yield identity;
      }
    }
    for (const file of files) {
      const identity = await this.#byFile(file);
      if (identity === undefined || offered.has(identity.publicBlob.toString("base64"))) continue;
      offered.add(identity.publicBlob.toString("base64"));
      yield identity;
    }
  }

  *#byAgent(
    socketPath: string,
    held: readonly AgentIdentity[],
    files: readonly KeyFile[],
    namedOnly: boolean,
  ): Generator<Identity> {
    const pathOf = new Map<string, string>();
    for (const file of files) {
      if (file.kind === "unusable" || file.publicBlob === undefined) continue;
      pathOf.set(file.publicBlob.toString("base64"), file.path);
    }
    const named = [...pathOf.keys()];
    const usable = held.filter(({ publicBlob }) => USABLE.has(keyTypeOf(publicBlob)));
    const left = held.length - usable.length;
    if (left > 0) {
      this.notes.push(
        `${left} of the agent's keys ${left === 1 ? "is a certificate or on a security key, which" : "are certificates or on security keys, which"} only transport openssh can use`,
      );
    }
    const rank = ({ publicBlob }: AgentIdentity): number => named.indexOf(publicBlob.toString("base64"));
    const first = usable.filter((key) => rank(key) !== -1).sort((a, b) => rank(a) - rank(b));
    const rest = namedOnly ? [] : usable.filter((key) => rank(key) === -1);
    for (const { publicBlob, comment } of [...first, ...rest]) {
      const name = shortPath(pathOf.get(publicBlob.toString("base64")) ?? printable(comment));
      yield {
        publicBlob,
        description: `key ${name} ${fingerprint(publicBlob)} by agent`,
        sign: (data, hash) => signByAgent(this.#ssh2, socketPath, publicBlob, data, hash),
      };
    }
  }

  async #byFile(file: KeyFile): Promise<Identity | undefined> {
    const { path } = file;
    if (file.kind === "unusable") {
      this.#problem(path, unusable(path, file.reason));
      return undefined;
    }
    if (file.kind === "public") {
      this.#problem(path, unusable(path, "it is a public key, and the agent does not hold the private one"));
      return undefined;
    }
    const known = file.publicBlob;
    const opened = known === undefined ? await this.#open(path, true) : undefined;
    const publicBlob = known ?? opened?.getPublicSSH();
    if (publicBlob === undefined) return undefined;
    return {
      publicBlob,
      description: `key ${shortPath(path)} ${fingerprint(publicBlob)}`,
      sign: async (data, hash) => {
        const key = opened ?? (await this.#open(path, file.encrypted));
        if (key === undefined) throw new Error("the key cannot be opened");
        const signature: Buffer | Error = key.sign(data, hash);
        if (signature instanceof Error) throw signature;
        return signature;
      },
    };
  }

  /** undefined when it stays closed, which is noted. */
  async #open(path: string, encrypted: boolean): ReturnType<typeof openPrivateKey> {
    try {
      if (!encrypted) {
        const key = await openPrivateKey(this.#ssh2, path, undefined);
        if (key === undefined) this.#problem(path, unusable(path, "its content is damaged"));
        return key;
      }
      return await this.#unlock(path);
    } catch (cause) {
      if (!(cause instanceof Error) || (cause as NodeJS.ErrnoException).errno === undefined) throw cause;
      this.#problem(path, unusable(path, `it cannot be read: ${(cause as NodeJS.ErrnoException).code}`));
      return undefined;
    }
  }

  async #unlock(path: string): ReturnType<typeof openPrivateKey> {
    const { passphrase } = this.#target;
    let message: string | undefined;
    if (passphrase !== undefined) {
      const secret = await readSecret(passphrase, "passphrase", { signal: this.#signal });
      const key = await openPrivateKey(this.#ssh2, path, secret);
      if (key !== undefined) return key;
      message = `the passphrase that is configured is not that of the key ${path}`;
    }
    for (let question = 1; this.#ask !== undefined && question <= MAX_QUESTIONS; question++) {
      const text = `Passphrase of ${shortPath(path)}${question === 1 ? "" : " (that was not it)"}: `;
      const answer = await this.#ask({ kind: "passphrase", subject: path, text, echo: false });
      if (this.#signal.aborted) throw abortedError(this.#signal);
      if (answer === undefined) throw declined();
      const key = answer === "" ? undefined : await openPrivateKey(this.#ssh2, path, answer);
      if (key !== undefined) return key;
      message = `that was not the passphrase of the key ${path}`;
    }
    this.#problem(
      path,
      berthError("ssh.key_encrypted", { ...(message === undefined ? {} : { message }), context: { path } }),
    );
    return undefined;
  }

  #problem(path: string, error: BerthError): void {
    this.problems.push({ error, named: this.#target.given.identityFile === path });
  }
}

const USABLE = new Set([
  ...["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"],
]);

function unusable(path: string, reason: string): BerthError {
  return berthError("ssh.key_unusable", {
    message: `the key ${path} cannot be used: ${reason}`,
    context: { path },
  });
}

/** The person ended the attempt: nobody's failure. */
export function declined(): BerthError {
  return berthError("operation.aborted", { message: "the question was not answered" });
}

function shortPath(path: string): string {
  const home = homedir();
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/** Words of somebody else, for a terminal: nothing that moves its cursor. */
export function printable(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, "");
}
