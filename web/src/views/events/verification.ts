import type { components } from "../../../../src/client/index.ts";

export type Verification = components["schemas"]["EventVerification"];

/** What was found, and when. */
export interface Verified {
  readonly at: Date;
  readonly found: Verification;
}

export type Mark =
  /** As it was written. */
  | "verified"
  /** Written after the verification. */
  | "newer"
  /** The first that is not as it was written. */
  | "broken"
  /** Behind a broken one nothing is known. */
  | "unknown";

/** What the verification says of a record. */
export function markOf(sequence: number, { found: { head, broken, first_sequence: first } }: Verified): Mark {
  if (broken !== null && sequence >= broken.sequence)
    return sequence === broken.sequence ? "broken" : "unknown";
  if (sequence > head.sequence) return "newer";
  return first !== null && sequence < first ? "unknown" : "verified";
}

/** Number of the record at which the timeline says what was found. */
export function lineAt({ found: { head, broken } }: Verified): number {
  return broken?.sequence ?? head.sequence;
}

/** Whether the line stands between these two, the newest first; undefined: there is none on that side. */
export function isLineBetween(
  newer: number | undefined,
  older: number | undefined,
  verified: Verified | undefined,
): boolean {
  if (verified === undefined || older === undefined) return false;
  const at = lineAt(verified);
  return older <= at && (newer === undefined || newer > at);
}

const figures = (value: number) => value.toLocaleString("en");

function clock(time: Date): string {
  return time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

/** What was found, in a sentence. */
export function verifiedSentence({ at, found }: Verified): string {
  if (found.broken !== null) {
    const { sequence, reason } = found.broken;
    return `Broken at record ${figures(sequence)}: ${reason}`;
  }
  const signed =
    found.signed === null
      ? ", not signed yet"
      : `, signed${found.signed.sequence === found.head.sequence ? "" : ` up to record ${figures(found.signed.sequence)}`}`;
  return `Verified up to record ${figures(found.head.sequence)} at ${clock(at)}${signed}`;
}
