import type { EventHead } from "./event-log.ts";
import { beginningOf, hashOf, timeOf, toHex } from "./record.ts";
import type { EventRows, FullRow, Link } from "./rows.ts";
import { isSignatureValid, type SignedHead } from "./signature.ts";

/** Rows of a page: so long does other work of the thread wait. */
const PAGE = 1_000;

/** What is wrong with a record. */
export type Damage = "changed" | "missing" | "inserted" | "reordered" | "cut" | "rewritten" | "signature";

export interface Broken {
  /** Of the first record that is not as it was written, or is not there. */
  readonly sequence: number;
  readonly damage: Damage;
  /** A sentence for people. */
  readonly reason: string;
}

export interface Verification {
  readonly ok: boolean;
  /** Records that were found to be as they were written. */
  readonly records: number;
  readonly firstSequence: number | null;
  /** The last one of these. */
  readonly head: EventHead;
  readonly broken: Broken | null;
  /** The newest signed head that the chain was found to agree with. */
  readonly signed: SignedHead | null;
  readonly durationMs: number;
}

export interface VerifyOptions {
  /** The key whose signed heads are believed; raw, in base64. */
  readonly publicKey?: string | undefined;
  /** A signed head that was kept elsewhere. */
  readonly head?: SignedHead | undefined;
}

/** A record as it is found. */
export interface FoundRecord {
  readonly hash: Uint8Array;
  readonly record: string;
  /** Where it says what it is besides the record itself. */
  readonly columns?: Omit<FullRow, "hash" | "record"> | undefined;
}

/** Computes the stored chain anew, from what stands before its first record on. */
export async function verifyChain(
  rows: EventRows,
  options: VerifyOptions,
  onProgress?: (records: number, total: number) => void,
): Promise<Verification> {
  const startedMs = performance.now();
  let anchor = await rows.anchorLink();
  const end = (await rows.head()).sequence;
  const check = new ChainCheck(anchor, headsFor(options, await rows.signedHeads()));
  for (;;) {
    const page = await rows.full(check.last.sequence, PAGE);
    if (page.length === 0) break;
    const found = page.map(foundRow);
    const broken = await check.page(found, async () =>
      (await rows.full(page.at(-1)?.sequence ?? 0, 1)).map(foundRow).at(0),
    );
    if (broken?.damage === "missing") {
      // Removed by rule meanwhile, and not by anybody who hides something.
      const now = await rows.anchorLink();
      if (now.sequence > anchor.sequence && now.sequence >= broken.sequence) {
        anchor = now;
        check.restart(anchor);
        continue;
      }
    }
    if (broken !== undefined) break;
    onProgress?.(check.records, Math.max(end - anchor.sequence, check.records));
    // Others of this thread take their turn.
    await new Promise(setImmediate);
  }
  check.atEnd();
  check.pruned(anchor);
  return check.result(startedMs);
}

function foundRow(row: FullRow): FoundRecord {
  return { hash: row.hash, record: row.record, columns: row };
}

/** Heads that count: those by the key that is believed, and the one that was given. */
export function headsFor(options: VerifyOptions, stored: readonly SignedHead[]): SignedHead[] {
  const { publicKey, head } = options;
  const own = stored.filter((one) => one.publicKey === publicKey);
  return head === undefined ? own : [...own, publicKey === undefined ? head : { ...head, publicKey }];
}

/** Follows a chain record by record and says what is wrong with the first one that does not fit. */
export class ChainCheck {
  /** The last record that was found to be right, or what stands before the first. */
  last: Link;
  records = 0;
  #first: number | null = null;
  #broken: Broken | undefined;
  #signed: SignedHead | null = null;
  /** By number. */
  readonly #expected = new Map<number, SignedHead>();
  #prunedThrough: { readonly sequence: number; readonly hash: string } | undefined;

  constructor(anchor: Link, heads: readonly SignedHead[]) {
    this.last = anchor;
    for (const head of heads) this.#expect(head);
  }

  /** A signed head that is known only when the record that it is of has been looked at. */
  head(head: SignedHead): void {
    this.#expect(head);
    if (this.#broken !== undefined || head.sequence !== this.last.sequence) return;
    this.#agree(head, this.last.hash);
  }

  #expect(head: SignedHead): void {
    const { sequence } = head;
    const known = this.#expected.get(sequence);
    if (!isSignatureValid(head)) {
      const reason = `the signature of the head ${sequence} is not by the key ${head.publicKey}`;
      this.#broken ??= { sequence, damage: "signature", reason };
    } else if (known !== undefined && known.hash !== head.hash) {
      const reason = `there are two signed heads with the number ${sequence} and different hashes`;
      this.#broken ??= { sequence, damage: "rewritten", reason };
    } else this.#expected.set(sequence, head);
  }

  #agree(head: SignedHead, hash: Uint8Array): void {
    if (head.hash === toHex(hash)) {
      this.#signed = head;
      return;
    }
    const { sequence, signedAt } = head;
    const reason = `the chain up to record ${sequence} was written anew: its hash is not the one that was signed on ${signedAt}`;
    this.#broken = { sequence, damage: "rewritten", reason };
  }

  /** Goes on behind what was removed by rule meanwhile. */
  restart(anchor: Link): void {
    this.last = anchor;
    this.#broken = undefined;
  }

  /** @param next the record behind the page: what is wrong with the last one shows in it */
  async page(
    page: readonly FoundRecord[],
    next: () => Promise<FoundRecord | undefined>,
  ): Promise<Broken | undefined> {
    for (const [at, found] of page.entries()) {
      if (this.#broken !== undefined) break;
      const { sequence } = this.last;
      const own = sequenceOf(found.record);
      const hash = hashOf(this.last.hash, found.record);
      if (own === sequence + 1 && same(hash, found.hash) && areColumnsRight(found))
        this.#take(own, hash, found);
      else this.#broken = describe(this.last, found, page[at + 1] ?? (await next()));
    }
    return this.#broken;
  }

  /** The chain ends here. */
  atEnd(): void {
    const { sequence } = this.last;
    const beyond = [...this.#expected.values()].sort((a, b) => b.sequence - a.sequence).at(0);
    if (beyond === undefined || beyond.sequence <= sequence) return;
    const reason = `the end was cut off: the log had ${beyond.sequence} records on ${beyond.signedAt}, and ends at ${sequence}`;
    this.#broken ??= { sequence: sequence + 1, damage: "cut", reason };
  }

  /** What was removed before the first record has to be said by one. */
  pruned({ sequence, hash }: Link): void {
    if (sequence === 0 || (this.#broken !== undefined && this.#broken.damage !== "cut")) return;
    const said = this.#prunedThrough;
    if (said !== undefined && said.sequence >= sequence) {
      if (said.sequence > sequence || said.hash === toHex(hash)) return;
    }
    const reason = `the records up to ${sequence} are not there, and no record says that they were removed by rule`;
    this.#broken = { sequence, damage: "missing", reason };
  }

  broken(broken: Broken): void {
    this.#broken ??= broken;
  }

  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  result(startedMs: number): Verification {
    return {
      ok: this.#broken === undefined,
      records: this.records,
      firstSequence: this.#first,
      head: { sequence: this.last.sequence, hash: toHex(this.last.hash) },
      broken: this.#broken ?? null,
      signed: this.#signed,
      durationMs: performance.now() - startedMs,
    };
  }

  #take(sequence: number, hash: Uint8Array, { record }: FoundRecord): void {
    const head = this.#expected.get(sequence);
    if (head !== undefined) this.#agree(head, hash);
    if (this.#broken !== undefined) return;
    if (record.includes('"type":"log.pruned"')) this.#noticePruned(record);
    this.last = { sequence, hash };
    this.records += 1;
    this.#first ??= sequence;
  }

  #noticePruned(record: string): void {
    const { type, data } = JSON.parse(record) as {
      type?: unknown;
      data?: { through?: unknown; hash?: unknown };
    };
    if (type !== "log.pruned" || typeof data?.through !== "number" || typeof data.hash !== "string") return;
    if (data.through < (this.#prunedThrough?.sequence ?? 0)) return;
    this.#prunedThrough = { sequence: data.through, hash: data.hash };
  }
}

/** What happened to a record that does not fit behind `last`. */
function describe(last: Link, found: FoundRecord, next: FoundRecord | undefined): Broken {
  const expected = last.sequence + 1;
  const own = sequenceOf(found.record);
  const column = found.columns?.sequence;
  const links = (before: Uint8Array): boolean =>
    next !== undefined && same(hashOf(before, next.record), next.hash);
  const broken = (damage: Damage, reason: string, sequence = expected): Broken => ({
    sequence,
    damage,
    reason,
  });
  // Where it stands is a later place: what belongs in between is gone.
  if ((column ?? own) > expected && (column === undefined || own === column)) {
    if (column === undefined && sequenceOf(next?.record) === expected)
      return broken("reordered", `record ${own} stands where record ${expected} belongs`);
    return own === expected + 1
      ? broken("missing", `record ${expected} is missing`)
      : broken("missing", `records ${expected} to ${own - 1} are missing`);
  }
  const at = column ?? expected;
  if (at > expected) return broken("missing", `records ${expected} to ${at - 1} are missing`);
  if (own !== expected) {
    if (!(own > expected) && links(last.hash))
      return broken("inserted", `a record was inserted before record ${expected}`);
    if (Number.isNaN(own))
      return broken("changed", `record ${expected} was changed: it is no record any more`);
    return broken("reordered", `record ${own} stands where record ${expected} belongs`);
  }
  const hash = hashOf(last.hash, found.record);
  if (same(hash, found.hash))
    return broken("changed", `record ${expected} was changed in the columns that it is found by`);
  if (sequenceOf(next?.record) === expected && links(last.hash))
    return broken("inserted", `a record was inserted before record ${expected}`);
  if (links(hash)) return broken("changed", `the hash of record ${expected} was changed`);
  return broken("changed", `record ${expected} was changed, or what stands before it`);
}

/** The number that a record gives itself; NaN where there is none. */
function sequenceOf(record: string | undefined): number {
  return Number(/^\{"sequence":(\d{1,16}),/.exec(record ?? "")?.[1]);
}

function areColumnsRight({ record, columns }: FoundRecord): boolean {
  if (columns === undefined) return true;
  return record.startsWith(`${beginningOf(columns, columns.sequence, timeOf(record))},`);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
