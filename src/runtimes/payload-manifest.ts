import { createHash } from "node:crypto";
import * as z from "zod";

/** Platforms that a payload exists for. The names are `process.platform` and `process.arch` of the place. */
export const PAYLOAD_PLATFORMS = ["linux-x64", "linux-arm64"] as const;
export type PayloadPlatform = (typeof PAYLOAD_PLATFORMS)[number];

/**
 * A payload travels in two parts, each installed in a directory of its own that is named by its content:
 * `bundle` is the daemon and its helper and changes with Berth; `node` is the portable Node, is large, and
 * changes with Node or the C library only. A place with a usable Node gets the bundle alone.
 */
export const PAYLOAD_PARTS = ["bundle", "node"] as const;
export type PayloadPart = (typeof PAYLOAD_PARTS)[number];

/** Last file of an installed part: its presence says that the part is complete. In the format of sha256sum. */
export const SUMS_FILE = "SHA256SUMS";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** Names stay within what every shell, tar and checksum tool takes as it is. */
const partPath = z.string().regex(/^[A-Za-z0-9_+-][A-Za-z0-9._+-]*(\/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)*$/);

const fileSchema = z.strictObject({
  part: z.enum(PAYLOAD_PARTS),
  /** Relative to the part's directory. */
  path: partPath,
  mode: z.union([z.literal(0o755), z.literal(0o644)]),
  /** Bytes. */
  size: z.int().min(0),
  sha256,
});
export type PayloadFile = z.infer<typeof fileSchema>;

const partSchema = z.strictObject({ id: sha256, size: z.int().min(0) });

export const payloadManifestSchema = z.strictObject({
  schema: z.literal(1),
  /** sha256 over the ids of both parts. */
  id: sha256,
  platform: z.enum(PAYLOAD_PLATFORMS),
  /** Berth's own version. */
  version: z.string().min(1),
  nodeVersion: z.string().regex(/^\d+\.\d+\.\d+$/),
  /** Options of the portable Node, before the entry. Chosen by measurement: docs/payload.md. */
  nodeFlags: z.array(z.string()),
  /** The daemon, relative to the bundle's directory. */
  entry: partPath,
  /** The static helper, relative to the bundle's directory; absent when it was not built for the platform. */
  helper: partPath.optional(),
  /** Where the libraries come from: "libc6 2.36-9", or "host" when they are the building machine's own. */
  libraries: z.array(z.string()),
  parts: z.strictObject({ bundle: partSchema, node: partSchema }),
  files: z.array(fileSchema),
});
export type PayloadManifest = z.infer<typeof payloadManifestSchema>;

function byPath(left: { path: string }, right: { path: string }): number {
  return left.path < right.path ? -1 : left.path > right.path ? 1 : 0;
}

/** The files of a part, sorted by path: the order of its archive, its sums and its id. */
export function filesOfPart(files: readonly PayloadFile[], part: PayloadPart): PayloadFile[] {
  return files.filter((file) => file.part === part).sort(byPath);
}

/** Identity of a part: sha256 over the sorted list of path, mode and content hash. */
export function partIdentity(files: readonly PayloadFile[], part: PayloadPart): string {
  const hash = createHash("sha256");
  for (const file of filesOfPart(files, part)) {
    hash.update(`${file.path}\0${file.mode.toString(8)}\0${file.sha256}\n`);
  }
  return hash.digest("hex");
}

/** Identity of a whole payload, from those of its parts. */
export function payloadIdentity(bundleId: string, nodeId: string): string {
  return createHash("sha256").update(`bundle\0${bundleId}\nnode\0${nodeId}\n`).digest("hex");
}

/** What an installed part carries as `SHA256SUMS`: readable by `sha256sum -c` of GNU and busybox. */
export function partSums(files: readonly PayloadFile[], part: PayloadPart): string {
  return filesOfPart(files, part)
    .map((file) => `${file.sha256}  ${file.path}\n`)
    .join("");
}

/** Ids and sizes of a payload's parts, from its files. */
export function describeParts(files: readonly PayloadFile[]): Pick<PayloadManifest, "id" | "parts"> {
  const describe = (part: PayloadPart) => ({
    id: partIdentity(files, part),
    size: filesOfPart(files, part).reduce((sum, file) => sum + file.size, 0),
  });
  const parts = { bundle: describe("bundle"), node: describe("node") };
  return { id: payloadIdentity(parts.bundle.id, parts.node.id), parts };
}
