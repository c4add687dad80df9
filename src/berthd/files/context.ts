import { berthError, fileError } from "../../contract/errors.ts";
import type { Containment } from "../../contract/files.ts";
import { FileCalls } from "../../files/calls.ts";
import { joinPath, splitPath } from "../../files/names.ts";
import { errnoOf } from "../../files/stat.ts";
import type { TemporaryNames } from "../../files/temporary.ts";
import type { FileThreads } from "../../files/threads.ts";
import { type Spot, type WalkOptions, walkContained } from "../../files/walk.ts";
import type { AttributeCopier } from "./attributes.ts";

/** A contained path that turns into a link between two looks is walked again so often before it is given up. */
const MAX_WALKS = 16;

/** What the requests of the file service have in common. */
export interface FileParams {
  readonly contained?: Containment | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What all file operations of a daemon share. */
export class FileContext {
  readonly home: string;
  readonly threads: FileThreads;
  readonly temporaries: TemporaryNames;
  readonly attributes: AttributeCopier;

  constructor(parts: {
    readonly home: string;
    readonly threads: FileThreads;
    readonly temporaries: TemporaryNames;
    readonly attributes: AttributeCopier;
  }) {
    this.home = parts.home;
    this.threads = parts.threads;
    this.temporaries = parts.temporaries;
    this.attributes = parts.attributes;
  }

  calls(params: FileParams, path: string): FileCalls {
    return new FileCalls(this.threads, path, params.timeoutMs);
  }

  /**
   * `~` and `~/…` become the home of the daemon's user.
   * @throws EINVAL for a relative path and for one with a NUL
   */
  absolute(path: string): string {
    const expanded = path === "~" || path.startsWith("~/") ? this.home + path.slice(1) : path;
    if (!expanded.startsWith("/") || expanded.includes("\0")) {
      throw berthError("EINVAL", {
        hop: "berthd",
        message: `not an absolute path: ${JSON.stringify(path)}`,
        context: { path },
      });
    }
    return expanded;
  }

  /**
   * Finds an entry and works on it. Errors of node:fs become those of the contract with this path. With
   * `contained`, `work` is repeated from the walk on when it fails by ELOOP because the last component became a
   * link meanwhile; so it must have no effect before that can happen.
   */
  async at<T>(
    params: FileParams,
    path: string,
    options: WalkOptions,
    work: (spot: Spot, calls: FileCalls) => Promise<T>,
  ): Promise<T> {
    const absolute = this.absolute(path);
    const calls = this.calls(params, absolute);
    try {
      for (let attempt = 1; ; attempt++) {
        const spot = await this.spot(calls, params, absolute, options);
        try {
          return await work(spot, calls);
        } catch (error) {
          if (!spot.pinned || errnoOf(error) !== "ELOOP" || attempt === MAX_WALKS) throw error;
        } finally {
          spot.release();
        }
      }
    } catch (error) {
      throw fileError(error, path);
    }
  }

  /** The caller releases it. */
  async spot(calls: FileCalls, params: FileParams, absolute: string, options: WalkOptions): Promise<Spot> {
    const contained = params.contained;
    if (contained === undefined) return plainSpot(absolute);
    const containment = {
      root: this.absolute(contained.root),
      extraRoots: (contained.extraRoots ?? []).map((root) => this.absolute(root)),
    };
    return walkContained(calls, containment, absolute, options);
  }
}

/** Without containment the kernel resolves the path. */
function plainSpot(absolute: string): Spot {
  const { parent, name } = splitPath(absolute);
  return {
    at: absolute,
    sibling: (other) => joinPath(parent, other),
    name,
    pinned: false,
    release: () => {},
  };
}

/** Like the error of an open with O_NOFOLLOW; makes `FileContext.at` walk again. */
export function becameLink(): Error {
  return Object.assign(new Error("became a symbolic link"), { code: "ELOOP" });
}

/** An errno as node:fs would throw it. */
export function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}
