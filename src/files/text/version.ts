import { createHash } from "node:crypto";
import type { FileVersion } from "../../contract/text.ts";

/** Files up to this size are read to know their version, and can be edited; larger ones are known by their stat. */
export const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/** Version of a content: its SHA-256. */
export function contentVersion(content: Uint8Array): FileVersion {
  return contentHash().update(content).version();
}

/** The same for a content that comes in pieces. */
export function contentHash(): ContentHash {
  const hash = createHash("sha256");
  const self: ContentHash = {
    update(bytes) {
      hash.update(bytes);
      return self;
    },
    version: () => `sha256-${hash.digest("base64url")}`,
  };
  return self;
}

export interface ContentHash {
  update(bytes: Uint8Array): ContentHash;
  version(): FileVersion;
}

/** What a stat tells of a file's content. Times are in nanoseconds. */
export interface StatMark {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/**
 * Version of a file that is too large to be hashed: inode, size, and times. A change within the same tick of the file
 * system's clock (a few milliseconds) that keeps the size is not seen.
 */
export function statVersion(stat: StatMark): FileVersion {
  return `stat-${stat.ino}-${stat.size}-${stat.mtimeNs}-${stat.ctimeNs}`;
}

export function sameStat(one: StatMark, other: StatMark): boolean {
  return (
    one.ino === other.ino &&
    one.size === other.size &&
    one.mtimeNs === other.mtimeNs &&
    one.ctimeNs === other.ctimeNs
  );
}
