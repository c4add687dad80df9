import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Capabilities } from "../../src/contract/capabilities.ts";
import { cacheDirectory } from "../fixtures/cache.ts";
import type { PlaceName } from "./places.ts";

/** What became of a case in a place. */
export type Outcome =
  | "passed"
  /** The place lacks a capability of the case, and refused by its name what needs it. */
  | "refused"
  /** The place lacks a fact of the case. */
  | "not-applicable"
  | "failed";

export interface PlaceRecord {
  readonly place: PlaceName;
  readonly capabilities: Capabilities;
  readonly cases: Readonly<Record<string, Outcome>>;
}

/** Where the records of the last run lie: BERTH_CONFORMANCE_RECORD, else the tests' cache directory. */
export function recordDirectory(): string {
  const directory = process.env.BERTH_CONFORMANCE_RECORD || join(cacheDirectory(), "conformance");
  mkdirSync(directory, { recursive: true });
  return directory;
}

export function writeRecord(record: PlaceRecord): void {
  const path = join(recordDirectory(), `${record.place}.json`);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** The record of a place; undefined when the suite did not run there. */
export function readRecord(place: PlaceName): PlaceRecord | undefined {
  let text: string;
  try {
    text = readFileSync(join(recordDirectory(), `${place}.json`), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return JSON.parse(text) as PlaceRecord;
}
