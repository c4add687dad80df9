import { hash } from "node:crypto";
import type { BerthEvent, BerthEventInput } from "../contract/events.ts";
import { HELD_SECRETS } from "../contract/mask.ts";

/** Bytes of a stored record; what is longer is cut in its data. */
export const MAX_RECORD_BYTES = 64 * 1024;
/** Room that number, time, type and ids take at most. */
const MAX_HEAD_BYTES = 4 * 1024;
const MAX_ID_CHARACTERS = 200;
const MAX_TEXT_CHARACTERS = 4_000;

const HASH_BYTES = 32;
/** What stands before the first record. */
export const ZERO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

/** An event that waits for its number. Everything but number and time is written already. */
export interface Draft {
  readonly time: string;
  readonly type: string;
  readonly workspace: string | null;
  readonly processId: string | null;
  readonly source: string | null;
  /** The fields from `runtime` on, as they stand in the record. */
  readonly rest: string;
}

/**
 * Makes an event ready to be stored. Masking never reaches ids and type. Data that can't be serialized is left out with
 * a note, what is longer than a record may be is cut with a note.
 */
export function draftOf(
  event: BerthEventInput,
  time: string,
  mask: (record: string) => string = (text) => HELD_SECRETS.json(text),
): Draft {
  const fixed = { actor: idOf(event.actor), cause: idOf(event.cause) };
  const told = {
    runtime: event.runtime?.slice(0, MAX_TEXT_CHARACTERS).toWellFormed(),
    message: event.message.slice(0, MAX_TEXT_CHARACTERS).toWellFormed(),
    data: plainData(event.data),
  };
  let text = masked(JSON.stringify(told), mask);
  const room = MAX_RECORD_BYTES - MAX_HEAD_BYTES;
  if (Buffer.byteLength(text) > room) text = cut(JSON.parse(text) as Told, room);
  const ids = JSON.stringify(fixed).slice(1, -1);
  return {
    time,
    type: typeOf(event.type),
    workspace: idOf(event.workspace) ?? null,
    processId: idOf(event.processId) ?? null,
    source: idOf(event.source) ?? null,
    rest: `${ids}${ids === "" ? "" : ","}${text.slice(1)}`,
  };
}

interface Told {
  readonly runtime?: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

function idOf(id: string | undefined): string | undefined {
  return id === undefined || id === "" ? undefined : id.slice(0, MAX_ID_CHARACTERS).toWellFormed();
}

/** Dotted words; what has another form is of no type that a filter could name. */
function typeOf(type: string): string {
  const text = type.toLowerCase().replace(/[^a-z0-9_.]/g, "_");
  return text.slice(0, MAX_ID_CHARACTERS) || "unknown";
}

function plainData(data: BerthEventInput["data"]): Told["data"] {
  if (data === undefined) return undefined;
  try {
    const text = JSON.stringify(data);
    if (text === undefined || text === "{}") return undefined;
    return data;
  } catch (cause) {
    return {
      not_kept: `the data can't be written as JSON: ${cause instanceof Error ? cause.name : "Error"}`,
    };
  }
}

/** The text as the mask leaves it; where that is no JSON any more, its strings one by one. */
function masked(text: string, mask: (record: string) => string): string {
  const whole = mask(text);
  if (whole === text) return text;
  try {
    const parsed = JSON.parse(whole) as Partial<Told> | null;
    if (typeof parsed?.message === "string") return JSON.stringify(parsed);
  } catch {
    // A secret that reaches over quotes.
  }
  return JSON.stringify(JSON.parse(text), (_, value) => (typeof value === "string" ? mask(value) : value));
}

/** Data without what does not fit: long texts by their beginning, other values not at all. */
function cut({ data = {}, ...told }: Told, room: number): string {
  const kept: Record<string, unknown> = {};
  const bytes = Buffer.byteLength(JSON.stringify(data));
  let left = room - Buffer.byteLength(JSON.stringify(told)) - 100;
  for (const [key, value] of Object.entries(data)) {
    const size = Buffer.byteLength(JSON.stringify({ [key]: value }));
    if (size <= left) kept[key] = value;
    else if (typeof value === "string" && left > 2_000)
      // A letter takes at most six bytes of JSON.
      kept[key] = `${value.slice(0, Math.floor((left - 1_000) / 6)).toWellFormed()}…`;
    else continue;
    left -= Buffer.byteLength(JSON.stringify({ [key]: kept[key] }));
  }
  return JSON.stringify({ ...told, data: { ...kept, cut_from_bytes: bytes } });
}

/** The stored bytes: compact JSON whose fields stand in one order. */
export function recordOf(draft: Draft, sequence: number, time: string): string {
  return `${beginningOf(draft, sequence, time)},${draft.rest}`;
}

/** What a record begins with, by the columns that it is found by. */
export function beginningOf(
  { type, workspace, processId, source }: Omit<Draft, "time" | "rest">,
  sequence: number,
  time: string,
): string {
  let head = `{"sequence":${sequence},"time":"${time}","type":${JSON.stringify(type)}`;
  if (workspace !== null) head += `,"workspace":${JSON.stringify(workspace)}`;
  if (processId !== null) head += `,"process_id":${JSON.stringify(processId)}`;
  if (source !== null) head += `,"source":${JSON.stringify(source)}`;
  return head;
}

const TIME_CHARACTERS = 24;

/** The time of a record, without parsing the rest; "" where there is none. */
export function timeOf(record: string): string {
  const at = record.indexOf('"time":"');
  return at === -1 ? "" : record.slice(at + 8, at + 8 + TIME_CHARACTERS);
}

/** A stored record as an event. @throws SyntaxError for what is no record */
export function eventOf(record: string): BerthEvent {
  const { process_id: processId, ...event } = JSON.parse(record) as BerthEvent & { process_id?: string };
  return processId === undefined ? event : { ...event, processId };
}

const scratch = Buffer.alloc(HASH_BYTES + 2 * MAX_RECORD_BYTES);

/** SHA-256 of the previous hash's 32 bytes and the record's bytes. */
export function hashOf(previous: Uint8Array, record: string): Uint8Array {
  // A letter takes at most three bytes: records that Berth writes always fit.
  const buffer =
    record.length * 3 + HASH_BYTES <= scratch.length ? scratch : Buffer.alloc(HASH_BYTES + record.length * 3);
  buffer.set(previous);
  const length = HASH_BYTES + buffer.write(record, HASH_BYTES);
  return hash("sha256", buffer.subarray(0, length), "buffer");
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
