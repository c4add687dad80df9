import { createHash } from "node:crypto";
import { type BerthError, berthError } from "../../contract/errors.ts";

/** How an answer is kept for repeats. */
export interface KeptAnswer {
  readonly status: number;
  readonly json: string | undefined;
}

/** What is known of a key. */
export type KeyState =
  /** Nobody used it: it is reserved for this request now. */
  | { readonly state: "new" }
  | { readonly state: "answered"; readonly fingerprint: string; readonly answer: KeptAnswer }
  /** The first request was not answered to its end. */
  | { readonly state: "open"; readonly fingerprint: string };

/** Where answers are kept: over restarts of the runner. */
export interface IdempotencyStore {
  /** Reserves a key, unless it is known. Keys are forgotten 24 h after their first use. */
  begin(key: string, fingerprint: string): Promise<KeyState>;
  finish(key: string, answer: KeptAnswer): Promise<void>;
  /** The request did nothing: the next one with the key is a first one. */
  forget(key: string): Promise<void>;
}

const LONGEST_KEY = 255;
/**
 * Calls whose handler hands the key on to the daemon, which knows a start that it has seen: when a runner was killed in
 * the middle of one, the repeat finds the process that there is, and starts it where there is none.
 */
const REPEATABLE: ReadonlySet<string> = new Set(["startProcess", "exec"]);

export interface KeyedRequest {
  readonly tokenId: string;
  readonly operationId: string;
  readonly target: string;
  readonly body: Buffer;
  /** Of an answer only a part is kept, from which `work` makes the whole again: the rest may hold secrets. */
  readonly keepsPart: boolean;
}

/** What came of a request. */
export interface Answered {
  readonly answer: KeptAnswer;
  /** JSON that is kept in place of the answer's. */
  readonly part?: string | undefined;
  readonly error?: BerthError | undefined;
}

/** Does what a request asks for, or, given the part that was kept of its answer, tells the answer again. Never rejects. */
export type Work = (part?: unknown) => Promise<Answered>;

/** Answers that repeat: one that failed in a way that is worth a retry does not. */
export class Idempotency {
  readonly #store: IdempotencyStore;
  readonly #open = new Map<string, Promise<unknown>>();

  constructor(store: IdempotencyStore) {
    this.#store = store;
  }

  /**
   * Does the work once a key, and answers repeats as the first one was answered; a repeat that comes while the first is
   * under way waits for it.
   * @throws request.invalid, request.idempotency_mismatch, request.idempotency_interrupted
   */
  async once(
    header: string,
    request: KeyedRequest,
    work: Work,
  ): Promise<Answered & { readonly replayed: boolean }> {
    if (header.length > LONGEST_KEY || !/^[\x21-\x7e]+$/.test(header)) {
      throw berthError("request.invalid", {
        hop: "runner",
        message: `the request is not valid: Idempotency-Key: has to be 1 to ${LONGEST_KEY} visible ASCII characters`,
        context: { fields: ["headers.idempotency-key"] },
      });
    }
    const key = digest(request.tokenId, request.operationId, header);
    const fingerprint = digest(request.target, request.body);
    // One after the other: a second one finds what the first has left.
    for (let before = this.#open.get(key); before !== undefined; before = this.#open.get(key)) await before;
    const turn = this.#turn(key, fingerprint, request, work);
    const settled = turn.catch(() => undefined).finally(() => this.#open.delete(key));
    this.#open.set(key, settled);
    return turn;
  }

  async #turn(
    key: string,
    fingerprint: string,
    { operationId, keepsPart }: Pick<KeyedRequest, "operationId" | "keepsPart">,
    work: Work,
  ): Promise<Answered & { readonly replayed: boolean }> {
    const known = await this.#store.begin(key, fingerprint);
    if (known.state !== "new" && known.fingerprint !== fingerprint) {
      throw berthError("request.idempotency_mismatch", { hop: "runner" });
    }
    if (known.state === "answered") {
      const { status, json } = known.answer;
      if (!keepsPart || status >= 400) return { answer: known.answer, replayed: true };
      return { ...(await work(json === undefined ? {} : JSON.parse(json))), replayed: true };
    }
    if (known.state === "open" && !REPEATABLE.has(operationId)) {
      throw berthError("request.idempotency_interrupted", { hop: "runner" });
    }
    const done = await work();
    const mayRepeat = done.error?.retryable === true || done.answer.status >= 500;
    // It was done, and its caller is told so. Where that can't be kept, a repeat is told that nobody knows.
    const kept = done.part === undefined ? done.answer : { status: done.answer.status, json: done.part };
    await (mayRepeat ? this.#store.forget(key) : this.#store.finish(key, kept)).catch(() => undefined);
    return { ...done, replayed: false };
  }
}

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}
