import { StringDecoder } from "node:string_decoder";
import { berthError } from "../contract/errors.ts";
import { EXPORT_FORMAT, type ExportHeader } from "./export.ts";
import { headFromJson, type SignedHead } from "./signature.ts";
import { ChainCheck, type FoundRecord, headsFor, type Verification, type VerifyOptions } from "./verify.ts";

const RECORD = /^([0-9a-f]{64}) (\{.*\})$/s;

interface Trailer {
  readonly sequence: number;
  readonly hash: string;
  readonly head: SignedHead | undefined;
}

/**
 * Checks an export of the log, given in pieces.
 * @throws config.invalid: it is none
 */
export async function verifyExport(
  pieces: AsyncIterable<Uint8Array>,
  options: VerifyOptions,
  onProgress?: (records: number) => void,
): Promise<Verification> {
  const startedMs = performance.now();
  const lines = linesOf(pieces);
  const header = headerOf((await lines.next()).value);
  const anchor = {
    sequence: header.first_sequence - 1,
    hash: Buffer.from(header.previous_hash, "hex"),
  };
  // The signature at the end is of the file itself: only a key that is given makes it count.
  const check = new ChainCheck(anchor, headsFor(options, []));
  let trailer: Trailer | undefined;
  let held: FoundRecord | undefined;
  for (;;) {
    const { value: line, done } = await lines.next();
    const match = done ? null : RECORD.exec(line);
    trailer = done || match !== null ? trailer : trailerOf(line);
    const found =
      match === null ? undefined : { hash: Buffer.from(match[1] ?? "", "hex"), record: match[2] ?? "" };
    if (held !== undefined && (await check.page([held], async () => found)) !== undefined) break;
    held = found;
    if (check.records % 10_000 === 0) onProgress?.(check.records);
    if (found !== undefined) continue;
    if (!done && trailer === undefined) {
      const sequence = check.last.sequence + 1;
      const reason = `record ${sequence} was changed: it is no line of an export any more`;
      check.broken({ sequence, damage: "changed", reason });
    }
    break;
  }
  if (!check.isBroken) atEnd(check, trailer, options);
  return check.result(startedMs);
}

function atEnd(check: ChainCheck, trailer: Trailer | undefined, { publicKey }: VerifyOptions): void {
  const sequence = check.last.sequence + 1;
  const end = check.result(0).head;
  if (trailer === undefined) {
    check.broken({
      sequence,
      damage: "cut",
      reason: `the end was cut off: the file ends behind record ${end.sequence}`,
    });
  } else if (trailer.sequence > end.sequence) {
    const reason = `the end was cut off: records ${sequence} to ${trailer.sequence} are missing`;
    check.broken({ sequence, damage: "cut", reason });
  } else if (trailer.sequence !== end.sequence || trailer.hash !== end.hash) {
    const reason = `the last line is of another log: it says that the end is record ${trailer.sequence} with another hash`;
    check.broken({ sequence: end.sequence, damage: "rewritten", reason });
  } else if (publicKey !== undefined) {
    if (trailer.head?.sequence !== end.sequence) {
      const reason = "the end is not signed, but was to be by the key that was given";
      check.broken({ sequence: end.sequence, damage: "signature", reason });
    } else check.head({ ...trailer.head, publicKey });
  }
  check.atEnd();
}

function headerOf(line: string | undefined): ExportHeader {
  try {
    const header = JSON.parse(line ?? "") as Partial<ExportHeader> | null;
    if (
      header?.format === EXPORT_FORMAT &&
      Number.isSafeInteger(header.first_sequence) &&
      /^[0-9a-f]{64}$/.test(header.previous_hash ?? "")
    )
      return header as ExportHeader;
  } catch {
    // Told below.
  }
  throw berthError("config.invalid", {
    message: `this is no export of Berth's events: its first line is not one of ${EXPORT_FORMAT}`,
    hint: "`berth events export` makes one.",
  });
}

function trailerOf(line: string): Trailer | undefined {
  try {
    const { end, sequence, hash, head } = JSON.parse(line) as Record<string, unknown>;
    if (end !== true || !Number.isSafeInteger(sequence) || typeof hash !== "string") return undefined;
    return { sequence: sequence as number, hash, head: head === null ? undefined : headFromJson(head) };
  } catch {
    return undefined;
  }
}

/** Lines end with a newline alone: records may hold other characters that end lines elsewhere. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + decoder.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))).split(
      "\n",
    );
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
  return undefined;
}
