import type {
  AnyAuthMethod,
  AuthHandlerMiddleware,
  IdentityCallback,
  ParsedKey,
  Prompt,
  SignCallback,
  SigningRequestOptions,
} from "ssh2";
import { type BerthError, berthError, toBerthError } from "../../../contract/errors.ts";
import { abortedError } from "../../abort.ts";
import { readSecret } from "../secret.ts";
import type { ConnectOptions, SshTarget } from "../target.ts";
import { declined, Identities, type Identity, printable } from "./identities.ts";
import type { Ssh2 } from "./library.ts";

/** sshd ends a login at its sixth failure (MaxAuthTries): a password that is there has to have its turn before. */
const KEYS_BEFORE_PASSWORD = 5;
/** As OpenSSH's NumberOfPasswordPrompts. */
const MAX_PASSWORDS = 3;

type Attempt =
  | { readonly kind: "none" }
  | { readonly kind: "key"; readonly identity: Identity; signed: boolean }
  | { readonly kind: "password" }
  | { readonly kind: "answers" };

/**
 * The login: what is tried, in a fixed order (keys of the agent, keys in files, password, questions of the server),
 * and what is said when nothing helps.
 */
export class Authentication {
  /** Set when the login cannot succeed any more. */
  failure: BerthError | undefined;
  /** How the server was convinced: several steps where it asks for several. */
  readonly steps: string[] = [];
  readonly #ssh2: Ssh2;
  readonly #target: SshTarget;
  readonly #options: ConnectOptions;
  readonly #identities: Identities;
  readonly #keys: AsyncGenerator<Identity>;
  readonly #broken: (error: unknown) => void;
  #attempt: Attempt | undefined;
  #methods: readonly string[] = [];
  #keysRefused = 0;
  #keysLeft = false;
  #sha1 = false;
  #passwords = 0;
  #passwordUsed = false;

  /** @param broken told what ssh2 throws while it goes on, such as on a connection that has ended meanwhile */
  constructor(ssh2: Ssh2, target: SshTarget, options: ConnectOptions, broken: (error: unknown) => void) {
    this.#ssh2 = ssh2;
    this.#target = target;
    this.#options = options;
    this.#broken = broken;
    this.#identities = new Identities(ssh2, target, options.onPrompt, options.signal);
    this.#keys = this.#identities.list();
  }

  /** ssh2 asks it for each next try. */
  readonly handler: AuthHandlerMiddleware = (methodsLeft, partial, next) => {
    // ssh2 ends the login for `false`, which its types don't know.
    const end = next as (method: AnyAuthMethod | false) => void;
    this.#next(methodsLeft as readonly string[] | null, partial === true)
      .catch((error: unknown): false => {
        this.failure ??= toBerthError(error, "transport");
        return false;
      })
      .then(end)
      .catch(this.#broken);
  };

  /** "key ~/.ssh/id_ed25519 SHA256:… by agent, password" */
  get description(): string {
    const last = this.#attempt === undefined ? undefined : describe(this.#attempt);
    return [...this.steps, ...(last === undefined ? [] : [last])].join(", ");
  }

  /** What a server's end of the connection means while it is logged in to; undefined when the login says nothing. */
  explainEnd(words: string): BerthError | undefined {
    if (this.failure !== undefined) return this.failure;
    const tooMany = /too many/i.test(words);
    if (this.#passwords > 0) return tooMany ? this.#passwordRefused() : undefined;
    if (!tooMany) return undefined;
    const tried = this.#keysRefused + (this.#attempt?.kind === "key" ? 1 : 0);
    return tried > 1 ? this.#tooManyKeys() : this.#giveUp();
  }

  async #next(methods: readonly string[] | null, partial: boolean): Promise<AnyAuthMethod> {
    const { user: username } = this.#target;
    if (this.failure !== undefined) throw this.failure;
    if (this.#options.signal.aborted) throw abortedError(this.#options.signal);
    const last = this.#attempt;
    if (methods === null || last === undefined) {
      this.#attempt = { kind: "none" };
      return { type: "none", username };
    }
    if (last.kind === "key" && last.signed) {
      // ssh2 does not say what the server answered to a key of an agent, and every key is tried as one. A server that
      // took it and wants more takes other methods now, which this question without answer tells.
      this.#attempt = { kind: "none" };
      this.steps.push(last.identity.description);
      return { type: "none", username };
    }
    this.#learn(last, methods, partial);
    const attempt =
      (await this.#tryKey(methods)) ?? (await this.#tryPassword(methods)) ?? this.#tryAnswers(methods);
    if (attempt !== undefined) return attempt;
    throw this.#giveUp();
  }

  #learn(last: Attempt, methods: readonly string[], partial: boolean): void {
    if (last.kind === "none" && this.steps.length > 0 && same(methods, this.#methods)) {
      // The key was signed with and the server wants what it wanted before: it was refused after all.
      this.steps.pop();
      this.#keysRefused += 1;
    } else if (last.kind === "key") this.#keysRefused += 1;
    else if (partial && last.kind !== "none") {
      this.steps.push(describe(last) ?? "");
      this.#passwords = 0;
    }
    this.#methods = methods;
  }

  async #tryKey(methods: readonly string[]): Promise<AnyAuthMethod | undefined> {
    if (!methods.includes("publickey")) return undefined;
    const { value: identity } = (await this.#keys.next()) as IteratorResult<Identity, undefined>;
    if (identity === undefined) return undefined;
    const passwordHelps =
      this.#target.password !== undefined &&
      (methods.includes("password") || methods.includes("keyboard-interactive"));
    if (passwordHelps && this.#keysRefused >= KEYS_BEFORE_PASSWORD) {
      this.#keysLeft = true;
      return undefined;
    }
    const attempt: Attempt = { kind: "key", identity, signed: false };
    this.#attempt = attempt;
    return { type: "agent", username: this.#target.user, agent: this.#agentOf(attempt) };
  }

  /** An agent that holds this one key, wherever it is: only so ssh2 lets the signature take its time. */
  #agentOf(attempt: Extract<Attempt, { kind: "key" }>) {
    const { identity } = attempt;
    const sign = (
      _key: unknown,
      data: Buffer,
      options: SigningRequestOptions | SignCallback,
      done?: SignCallback,
    ): void => {
      const settle = typeof options === "function" ? options : done;
      const hash = typeof options === "function" ? undefined : options.hash;
      this.#sign(attempt, data, hash)
        .then(
          (signature) => settle?.(undefined, signature),
          (error: unknown) => settle?.(error instanceof Error ? error : new Error(String(error))),
        )
        .catch(this.#broken);
    };
    class OneKey extends this.#ssh2.BaseAgent<Buffer> {
      override getIdentities(done: IdentityCallback<Buffer>): void {
        done(undefined, [identity.publicBlob]);
      }
      override sign(
        key: Buffer | ParsedKey,
        data: Buffer,
        options: SigningRequestOptions | SignCallback,
        done?: SignCallback,
      ): void {
        sign(key, data, options, done);
      }
    }
    return new OneKey();
  }

  async #sign(
    attempt: Extract<Attempt, { kind: "key" }>,
    data: Buffer,
    hash: string | undefined,
  ): Promise<Buffer> {
    if (hash === "sha1") {
      this.#sha1 = true;
      throw new Error("a signature by SHA-1 proves nothing");
    }
    try {
      const signature = await attempt.identity.sign(
        data,
        hash === "sha512" || hash === "sha256" ? hash : undefined,
      );
      attempt.signed = true;
      return signature;
    } catch (error) {
      // What a person declines or a secret cannot give ends the login; a key that cannot sign is one fewer.
      const typed = toBerthError(error, "transport");
      if (typed.code !== "internal") this.failure = typed;
      throw error;
    }
  }

  async #tryPassword(methods: readonly string[]): Promise<AnyAuthMethod | undefined> {
    if (!methods.includes("password")) return undefined;
    const password = await this.#password();
    if (password === undefined) return undefined;
    this.#attempt = { kind: "password" };
    this.#passwords += 1;
    return { type: "password", username: this.#target.user, password };
  }

  /** The configured one once; else what a person types, three times at most. */
  async #password(): Promise<string | undefined> {
    const { password, name } = this.#target;
    const { onPrompt, signal } = this.#options;
    if (password !== undefined) {
      if (this.#passwordUsed) return undefined;
      this.#passwordUsed = true;
      return await readSecret(password, "password", { signal });
    }
    if (onPrompt === undefined || this.#passwords >= MAX_PASSWORDS) return undefined;
    const text = `Password for ${this.#target.user}@${this.#target.hostname}${this.#passwords === 0 ? "" : " (that was not it)"}: `;
    const answer = await onPrompt({ kind: "password", subject: name, text, echo: false });
    if (signal.aborted) throw abortedError(signal);
    if (answer === undefined) throw declined();
    return answer;
  }

  #tryAnswers(methods: readonly string[]): AnyAuthMethod | undefined {
    if (!methods.includes("keyboard-interactive")) return undefined;
    const { onPrompt } = this.#options;
    // A password that was refused as such is not sent a second time: hosts lock accounts for that.
    const canAnswer = (this.#target.password !== undefined && !this.#passwordUsed) || onPrompt !== undefined;
    if (!canAnswer || this.#passwords >= MAX_PASSWORDS) return undefined;
    this.#attempt = { kind: "answers" };
    this.#passwords += 1;
    return {
      type: "keyboard-interactive",
      username: this.#target.user,
      prompt: (name, instructions, _language, prompts, finish) => {
        this.#answer(name, instructions, prompts)
          .catch((error: unknown) => {
            this.failure ??= toBerthError(error, "transport");
            // An answer that is none: the server says no, and the handler ends the login.
            return prompts.map(() => "");
          })
          .then(finish)
          .catch(this.#broken);
      },
    };
  }

  async #answer(name: string, instructions: string, prompts: readonly Prompt[]): Promise<string[]> {
    const { password } = this.#target;
    const { onPrompt, signal } = this.#options;
    const [only] = prompts;
    if (password !== undefined && !this.#passwordUsed && prompts.length === 1 && only?.echo !== true) {
      this.#passwordUsed = true;
      return [await readSecret(password, "password", { signal })];
    }
    const answers: string[] = [];
    for (const [index, { prompt, echo }] of prompts.entries()) {
      if (onPrompt === undefined) {
        throw berthError("ssh.auth_failed", {
          message: `${this.#target.name} asks a question that nobody is here to answer: ${printable(prompt).trim()}`,
          context: { host: this.#target.name, methods: this.#methods.join(", ") },
        });
      }
      const before =
        index === 0 ? [name, instructions].filter((text) => text !== "").map((t) => `${t}\n`) : [];
      const text = printable([...before, prompt].join(""));
      const answer = await onPrompt({
        kind: "answer",
        subject: this.#target.name,
        text,
        echo: echo === true,
      });
      if (signal.aborted) throw abortedError(signal);
      if (answer === undefined) throw declined();
      answers.push(answer);
    }
    return answers;
  }

  #giveUp(): BerthError {
    if (this.failure !== undefined) return this.failure;
    const { problems, notes } = this.#identities;
    const encrypted = problems.find(({ error }) => error.code === "ssh.key_encrypted");
    if (encrypted !== undefined) return encrypted.error;
    if (this.#passwords > 0) return this.#passwordRefused();
    const named = problems.find((problem) => problem.named);
    if (named !== undefined) return named.error;
    if (this.#keysLeft) return this.#tooManyKeys();
    const host = this.#target.name;
    const reasons = [
      ...problems.map(({ error }) => error.message),
      ...notes,
      ...(this.#sha1 ? ["the server takes RSA keys only with SHA-1 signatures, which are not made"] : []),
    ];
    return berthError("ssh.auth_failed", {
      hop: "transport",
      ...(reasons.length === 0 ? {} : { message: `${host} accepts none of the keys: ${reasons.join("; ")}` }),
      context: { host, methods: this.#methods.join(", ") || "nothing", keysTried: this.#keysRefused },
    });
  }

  #passwordRefused(): BerthError {
    return berthError("ssh.password_refused", { hop: "transport", context: { host: this.#target.name } });
  }

  #tooManyKeys(): BerthError {
    return berthError("ssh.too_many_keys", {
      hop: "transport",
      context: { host: this.#target.name, keysTried: this.#keysRefused },
    });
  }
}

function describe(attempt: Attempt): string | undefined {
  switch (attempt.kind) {
    case "none":
      return undefined;
    case "key":
      return attempt.identity.description;
    case "password":
      return "password";
    case "answers":
      return "keyboard-interactive";
  }
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((method) => b.includes(method));
}
