import { createHash } from "node:crypto";
import { constants, createReadStream, type ReadStream } from "node:fs";
import {
  access,
  chmod,
  copyFile,
  link,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { createGzip, constants as zlib } from "node:zlib";
import { pack as tarPack } from "tar-stream";
import { berthError } from "../contract/errors.ts";
import { makeDirectories } from "../files/directories.ts";
import {
  filesOfPart,
  PAYLOAD_PARTS,
  type PayloadFile,
  type PayloadManifest,
  type PayloadPart,
  type PayloadPlatform,
  partSums,
  payloadManifestSchema,
  SUMS_FILE,
} from "./payload-manifest.ts";

/** Archives carry one constant time, so that equal content is equal bytes. 2000-01-01. */
const ARCHIVE_TIME = new Date("2000-01-01T00:00:00Z");
const TAR_BLOCK_BYTES = 512;
const READ_CHUNK_BYTES = 256 * 1024;
/** Long enough to tell contents apart, short enough for paths of unix sockets and command lines. */
const NAME_ID_LENGTH = 16;

export interface TarOptions {
  /** "gzip" for slow links: 40 % of the size, at about 70 MB/s of one core. */
  readonly compress?: "gzip";
  /** Directory, relative to where the archive is unpacked, that its entries are put under. */
  readonly prefix?: string;
  /** Numeric owner of the entries; default root. Ignored by an ordinary user's tar. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Called with the archive's bytes before compression: handed on so far, and in all. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** What Berth puts into a place so that berthd runs there: built by `npm run build`, read from its directory. */
export class Payload {
  readonly directory: string;
  readonly manifest: PayloadManifest;

  constructor(directory: string, manifest: PayloadManifest) {
    this.directory = directory;
    this.manifest = manifest;
  }

  get platform(): PayloadPlatform {
    return this.manifest.platform;
  }

  /** Bytes of each part's files, installed. */
  get sizes(): Readonly<Record<PayloadPart, number>> {
    return { bundle: this.manifest.parts.bundle.size, node: this.manifest.parts.node.size };
  }

  /** Name of the directory that a part is installed in: changes exactly with its content. */
  directoryName(part: PayloadPart): string {
    return `${part}-${this.manifest.parts[part].id.slice(0, NAME_ID_LENGTH)}`;
  }

  /** Where the part lies on this machine, as built. Replaced by the next build: to mount it, use `share`. */
  partDirectory(part: PayloadPart): string {
    return join(this.directory, part);
  }

  files(part: PayloadPart): PayloadFile[] {
    return filesOfPart(this.manifest.files, part);
  }

  /** Content of the part's `SHA256SUMS`. */
  sums(part: PayloadPart): string {
    return partSums(this.manifest.files, part);
  }

  /** Bytes of `tar(part)` without compression. */
  tarSize(part: PayloadPart, options: Pick<TarOptions, "prefix"> = {}): number {
    const blocks = (size: number) => Math.ceil(size / TAR_BLOCK_BYTES);
    const directories = this.#directories(part, options.prefix).length;
    const content = [...this.files(part).map((file) => file.size), this.sums(part).length];
    const inBlocks = content.reduce((sum, size) => sum + 1 + blocks(size), directories + 2);
    return inBlocks * TAR_BLOCK_BYTES;
  }

  /**
   * The part as a tar stream: the same bytes for the same content, read as fast as it is taken. The last entry
   * is `SHA256SUMS`, so that a directory that has it is complete.
   */
  tar(part: PayloadPart, options: TarOptions = {}): Readable {
    const archive = Readable.from(this.#archive(part, options), { objectMode: false });
    if (options.compress !== "gzip") return archive;
    const gzip = createGzip({ level: zlib.Z_BEST_SPEED });
    archive.once("error", (error) => gzip.destroy(error));
    gzip.once("close", () => archive.destroy());
    return archive.pipe(gzip);
  }

  /**
   * Puts the parts into `base` on this machine, in directories named by content, and returns them. They are
   * shared by every container that mounts them, stay what they are when Berth is upgraded, and are hard links
   * where the file system allows. Safe to call from many processes at once.
   * @throws provision.checksum_mismatch when the built payload is damaged
   */
  async share(base: string): Promise<Record<PayloadPart, string>> {
    const shared = { bundle: "", node: "" };
    await makeDirectories(base);
    for (const part of PAYLOAD_PARTS) {
      shared[part] = join(base, this.directoryName(part));
      const complete = await access(join(shared[part], SUMS_FILE)).then(
        () => true,
        () => false,
      );
      if (!complete) await this.#sharePart(part, base, shared[part]);
    }
    return shared;
  }

  async #sharePart(part: PayloadPart, base: string, target: string): Promise<void> {
    const temporary = await mkdtemp(join(base, ".tmp-"));
    try {
      await chmod(temporary, 0o755);
      for (const file of this.files(part)) {
        const from = join(this.partDirectory(part), file.path);
        const to = join(temporary, file.path);
        if ((await hashFile(from)) !== file.sha256) {
          throw berthError("provision.checksum_mismatch", {
            message: `the built payload is damaged: ${part}/${file.path}`,
            hint: "Build it again: npm run build",
            hop: "client",
          });
        }
        await mkdir(dirname(to), { recursive: true, mode: 0o755 });
        // A link is refused across file systems and for files of other users.
        await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_FICLONE));
        await chmod(to, file.mode).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== "EPERM") throw error;
        });
      }
      await writeFile(join(temporary, SUMS_FILE), this.sums(part), { mode: 0o644 });
      await rename(temporary, target).catch((error: NodeJS.ErrnoException) => {
        // Another process was first, with the same content.
        if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /** Directories that the archive has entries for, parents first. */
  #directories(part: PayloadPart, prefix = ""): string[] {
    const names = new Set<string>();
    const add = (directory: string) => {
      if (directory === "" || directory === ".") return;
      // What lies above may be the place's own /tmp or home, whose mode an entry would change; it is implied.
      if (directory !== prefix) add(dirname(directory));
      names.add(directory);
    };
    add(prefix);
    for (const file of this.files(part)) add(dirname(join(prefix, file.path)));
    return [...names];
  }

  async *#archive(part: PayloadPart, options: TarOptions): AsyncGenerator<Uint8Array> {
    const total = this.tarSize(part, options);
    const pack = tarPack();
    const owner = options.owner ?? { uid: 0, gid: 0 };
    const header = { ...owner, mtime: ARCHIVE_TIME };
    const name = (path: string) => join(options.prefix ?? "", path);
    let source: ReadStream | undefined;
    const writing = (async () => {
      for (const directory of this.#directories(part, options.prefix)) {
        pack.entry({ ...header, name: directory, type: "directory", mode: 0o755 });
      }
      for (const file of this.files(part)) {
        const reading = createReadStream(join(this.partDirectory(part), file.path), {
          highWaterMark: READ_CHUNK_BYTES,
        });
        source = reading;
        await new Promise<void>((resolve, reject) => {
          const entry = pack.entry(
            { ...header, name: name(file.path), mode: file.mode, size: file.size },
            (error) => (error ? reject(error) : resolve()),
          );
          reading.once("error", reject);
          entry.once("error", reject);
          reading.pipe(entry);
        });
      }
      pack.entry({ ...header, name: name(SUMS_FILE), mode: 0o644 }, this.sums(part));
      pack.finalize();
    })();
    writing.catch((error: Error) => pack.destroy(error));
    let done = 0;
    try {
      for await (const chunk of pack as AsyncIterable<Uint8Array>) {
        done += chunk.byteLength;
        yield chunk;
        options.onProgress?.(done, total);
      }
      await writing;
    } finally {
      source?.destroy();
      pack.destroy();
    }
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })) hash.update(chunk);
  return hash.digest("hex");
}

/** `dist/payload` of this package, whether this file runs from `src/` or from `dist/`. */
function builtDirectory(): string {
  const room = dirname(dirname(fileURLToPath(import.meta.url)));
  return room.endsWith("/dist") ? join(room, "payload") : join(dirname(room), "dist", "payload");
}

export interface FindPayloadOptions {
  /** Directory with one payload for each platform. Default: BERTH_PAYLOAD_DIR, else the package's own. */
  readonly directory?: string | undefined;
}

/**
 * The payload for a platform.
 * @throws payload.not_built when there is none, or it was built by another version of the recipe
 */
export async function findPayload(
  platform: PayloadPlatform,
  options: FindPayloadOptions = {},
): Promise<Payload> {
  const root = options.directory ?? (process.env.BERTH_PAYLOAD_DIR || builtDirectory());
  const directory = join(root, platform);
  let text: string;
  try {
    text = await readFile(join(directory, "manifest.json"), "utf8");
  } catch (cause) {
    throw berthError("payload.not_built", { context: { platform, directory }, cause, hop: "client" });
  }
  let manifest: PayloadManifest;
  try {
    manifest = payloadManifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw berthError("payload.not_built", {
      message: `the payload for ${platform} was built by another version of Berth`,
      context: { platform, directory },
      cause,
      hop: "client",
    });
  }
  return new Payload(directory, manifest);
}
