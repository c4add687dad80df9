import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import { hostname } from "node:os";
import type { FileCalls } from "./calls.ts";
import { listDirectory } from "./list.ts";
import { errnoOf } from "./stat.ts";

/**
 * A temporary of another machine or container (its processes can't be seen from here) counts as stale after
 * this long without a write.
 */
const FOREIGN_STALE_MS = 24 * 60 * 60 * 1000;
/** Directories remembered as swept. */
const MAX_SWEPT = 4096;

const PATTERN = /^\.berth-([0-9a-z]{6})-([0-9a-z]{1,7})-[0-9a-z]{10}$/;

/** Whether a name is that of one of Berth's temporaries, of whatever process. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(".berth-") && PATTERN.test(name);
}

/**
 * Names for temporary siblings, `.berth-<place>-<pid>-<random>`, and the removal of those that a killed process
 * left behind. `<place>` marks kernel, pid namespace and host name, so that a pid is only looked up where it
 * means something.
 */
export class TemporaryNames {
  readonly #place = placeMarker();
  readonly #live = new Set<string>();
  readonly #swept = new Set<string>();

  /** A fresh name of at most 33 bytes; to be given back when the file is renamed or removed. */
  take(): string {
    const random = BigInt(`0x${randomBytes(8).toString("hex")}`)
      .toString(36)
      .slice(0, 10)
      .padStart(10, "0");
    const name = `.berth-${this.#place}-${process.pid.toString(36)}-${random}`;
    this.#live.add(name);
    return name;
  }

  release(name: string): void {
    this.#live.delete(name);
  }

  /**
   * Removes stale temporaries of a directory, once per directory and process; meant to go on beside the work.
   * Never fails: what can't be listed or removed stays.
   * @param key identity of the directory; @param at path of an entry of it, for system calls
   */
  async sweep(calls: FileCalls, key: string, at: (name: string) => string): Promise<void> {
    if (this.#swept.has(key)) return;
    if (this.#swept.size >= MAX_SWEPT) this.#swept.clear();
    this.#swept.add(key);
    try {
      for await (const batch of listDirectory(calls, at("."))) {
        for (const { name, type } of batch) {
          if (type === "file" && name.startsWith(".berth-")) await this.#sweepOne(calls, name, at);
        }
      }
    } catch {
      // A directory that may be written but not read, or one that is gone: nothing to do about it here.
    }
  }

  /** One that was renamed or removed since it was listed is no reason to leave the others. */
  async #sweepOne(calls: FileCalls, name: string, at: (name: string) => string): Promise<void> {
    try {
      if (await this.#isStale(calls, name, at)) await calls.unlink(at(name));
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }

  async #isStale(calls: FileCalls, name: string, at: (name: string) => string): Promise<boolean> {
    const match = PATTERN.exec(name);
    if (match === null || this.#live.has(name)) return false;
    if (match[1] === this.#place) {
      const pid = Number.parseInt(match[2]!, 36);
      if (pid === process.pid || !isAlive(pid)) return true;
    }
    const stats = await calls.lstat(at(name));
    return Date.now() - stats.mtimeMs > FOREIGN_STALE_MS;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function placeMarker(): string {
  const parts = [hostname()];
  try {
    parts.push(fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
    parts.push(fs.readlinkSync("/proc/self/ns/pid"));
  } catch {
    // Without /proc the host name has to do; a reused pid then only keeps a temporary for a day.
  }
  const digest = createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);
  return Number.parseInt(digest, 16).toString(36).slice(-6).padStart(6, "0");
}
