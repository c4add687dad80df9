import { isBerthError } from "../../contract/errors.ts";
import { retry } from "../../runtimes/retry.ts";
import { type BaseLook, lookAtBase, type Repository } from "./base.ts";
import { type OutgoingPack, receivePack, sendPack } from "./bundle.ts";
import { type Tag, tagsDigest, tagsReachedFrom } from "./tags.ts";

export type { Repository } from "./base.ts";

/** Attempts of a transfer in all, when its way is lost. */
const ATTEMPTS = 3;
/** Upper bound of the first wait between two, in milliseconds. */
const FIRST_WAIT_MS = 500;
/** What is told of the receiver's commits: enough to find common ground, never the thousands of a big repository. */
const MOST_HAVES = 1_000;
/** Milliseconds between two reports of progress. */
const PROGRESS_MS = 100;

export interface TransferOptions {
  readonly from: Repository;
  readonly to: Repository;
  /** How `to` looked a moment ago; its `asked.wanted` should hold the commits, its `asked.refs` the names. */
  readonly look: BaseLook;
  /** Set in one transaction, whatever they were before. */
  readonly refs: readonly { readonly name: string; readonly commit: string }[];
  /** Tags of `from` (`listTags`) that may go along, when they stand for commits that `to` has then. */
  readonly tags?: readonly Tag[] | undefined;
  /** `from` is another place: objects that could do harm here are refused. Default false. */
  readonly untrusted?: boolean | undefined;
  /** `to` gets the history that `from` has and it lacks, if it is shallow. Default: unless `untrusted`. */
  readonly deepen?: boolean | undefined;
  /** Bytes of the pack that have gone so far; how many there will be nobody knows before. */
  readonly onProgress?: ((bytesDone: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface TransferResult {
  /** Of the pack. 0: nothing was lacking. */
  readonly bytes: number;
  /** Refs that were set, tags included. */
  readonly refs: number;
}

/**
 * Brings commits from one repository to another, with everything that they need and no more than what is lacking, and
 * sets refs there. Nothing at all is said when nothing is to be done. A cut leaves the receiver as it was, or with all
 * of it; up to three attempts, each with a new look, when the way to either place is lost.
 * @throws workspace.partial_clone, workspace.locked, workspace.git_failed, what the places throw
 */
export async function transfer(options: TransferOptions): Promise<TransferResult> {
  return retry(
    async (attempt) => {
      const { look, to, signal } = options;
      const now = attempt === 0 ? look : await lookAgain(to, look, signal);
      return transferOnce(options, now);
    },
    {
      policy: { baseMs: FIRST_WAIT_MS },
      signal: options.signal,
      shouldRetry: (error, attempt) => attempt + 1 < ATTEMPTS && isLost(error),
    },
  );
}

/**
 * Also where the daemon of a place was restarted: a transfer is safe to repeat, whatever of it was done. A lock has been
 * waited for already.
 */
function isLost(error: unknown): boolean {
  if (!isBerthError(error) || error.code === "workspace.locked") return false;
  return error.retryable || error.code === "process.lost";
}

function lookAgain(to: Repository, look: BaseLook, signal: AbortSignal | undefined): Promise<BaseLook> {
  return lookAtBase(to.git, { ...look.asked, base: to.gitDir, create: false, signal });
}

async function transferOnce(options: TransferOptions, look: BaseLook): Promise<TransferResult> {
  const { from, to, signal } = options;
  const present = new Set(look.present);
  const refs = options.refs.filter(({ name, commit }) => look.refs.get(name) !== commit);
  const commits = [...new Set(options.refs.map(({ commit }) => commit))];
  const lacking = commits.filter((commit) => !present.has(commit));
  const have = [...new Set([...present, ...look.refs.values()])].slice(0, MOST_HAVES);
  const tags = await tagsToSend(options, look, { commits, have }, lacking.length > 0);
  const annotated = tags.filter(({ object, commit }) => object !== commit).map(({ object }) => object);
  const want = [...new Set([...lacking, ...annotated])];
  if (want.length === 0 && refs.length === 0 && tags.length === 0) return { bytes: 0, refs: 0 };

  // Whichever side fails ends the other one.
  const both = new AbortController();
  const all = signal === undefined ? both.signal : AbortSignal.any([signal, both.signal]);
  let bytes = 0;
  let sourceError: unknown;
  try {
    const deepen = options.deepen ?? !options.untrusted;
    const outgoing =
      want.length === 0
        ? undefined
        : await sendPack(from, { want, have, shallow: look.shallow, deepen }, all);
    const pack =
      outgoing === undefined || outgoing.preamble.objects === 0
        ? undefined
        : counted(
            outgoing,
            (total, last) => {
              bytes = total;
              if (last) options.onProgress?.(bytes);
            },
            (error) => {
              sourceError = error;
              both.abort(error);
            },
          );
    await receivePack(
      to,
      {
        refs,
        tags,
        shallow: outgoing?.preamble.shallow ?? [],
        unshallow: outgoing?.preamble.unshallow ?? [],
        objectFormat: look.objectFormat,
        pack,
        whole: have.length === 0 && look.shallow.length === 0,
        untrusted: options.untrusted ?? false,
        tagsDigest: options.tags === undefined ? undefined : tagsDigest(options.tags),
      },
      all,
    );
    return { bytes, refs: refs.length + tags.length };
  } catch (error) {
    throw sourceError ?? error;
  } finally {
    both.abort();
  }
}

/**
 * All tags that belong there and are not. Where the place knows the same tags from the last time, only new commits
 * bring some of them along.
 */
async function tagsToSend(
  { tags, from, signal }: TransferOptions,
  look: BaseLook,
  lists: { readonly commits: readonly string[]; readonly have: readonly string[] },
  news: boolean,
): Promise<readonly Tag[]> {
  if (tags === undefined || tags.length === 0) return [];
  const reached = (candidates: readonly Tag[], known: readonly string[]) =>
    tagsReachedFrom(from.git, from.gitDir, candidates, known, { signal });
  const same = look.tags === undefined && look.asked.tags !== undefined;
  if (same && !news) return [];
  const there = same ? new Set((await reached(tags, lists.have)).map(({ name }) => name)) : look.tags;
  const unknown = tags.filter(({ name }) => there?.has(name) !== true);
  return reached(unknown, [...lists.commits, ...lists.have]);
}

/** Passes a pack on and tells how far it is. */
async function* counted(
  { pack }: OutgoingPack,
  onBytes: (total: number, tell: boolean) => void,
  onError: (error: unknown) => void,
): AsyncIterable<Uint8Array> {
  let total = 0;
  let toldAt = 0;
  try {
    for await (const chunk of pack) {
      total += chunk.length;
      const now = performance.now();
      const tell = now - toldAt >= PROGRESS_MS;
      if (tell) toldAt = now;
      onBytes(total, tell);
      yield chunk;
    }
    onBytes(total, true);
  } catch (error) {
    onError(error);
    throw error;
  }
}
