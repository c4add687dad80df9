import { readFile } from "node:fs";

/** A mount whose file system may stop answering: another machine or another program is behind it. */
export interface RemoteMount {
  readonly path: string;
  /** Calls that are in the thread pool now, hung ones included. */
  inFlight: number;
  readonly waiting: (() => void)[];
}

/** Types of file systems that need a network or a user-space program to answer. */
const REMOTE_TYPES =
  /^(nfs|cifs|smb|fuse|9p|virtiofs|ceph|afs|glusterfs|lustre|beegfs|gfs2|ocfs2|coda|ncp|autofs|davfs)/;

/** How long a reading of the mount table counts as fresh. */
const FRESH_MS = 2_000;

/** Remote mounts of this mount namespace, read from /proc/self/mountinfo (proc(5)); none where there is no /proc. */
export class RemoteMounts {
  #mounts: RemoteMount[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  /** The deepest remote mount that the text of the path lies on. Links are not followed. */
  find(path: string): RemoteMount | undefined {
    for (const mount of this.#mounts) {
      if (isBeneath(path, mount.path)) return mount;
    }
    return undefined;
  }

  /** Reads the table again when it is old; the first reading is to be awaited, later ones go on beside the work. */
  refresh(): Promise<void> | undefined {
    const first = this.#readAtMs === Number.NEGATIVE_INFINITY;
    if (this.#reading === undefined && performance.now() - this.#readAtMs > FRESH_MS) {
      this.#reading = new Promise((resolve) => {
        readFile("/proc/self/mountinfo", "latin1", (error, text) => {
          if (error === null) this.#take(text);
          this.#readAtMs = performance.now();
          this.#reading = undefined;
          resolve();
        });
      });
    }
    return first ? this.#reading : undefined;
  }

  #take(mountinfo: string): void {
    const known = new Map(this.#mounts.map((mount) => [mount.path, mount]));
    const mounts = new Map<string, RemoteMount>();
    for (const line of mountinfo.split("\n")) {
      const fields = line.split(" ");
      const type = fields[fields.indexOf("-", 6) + 1];
      const path = fields[4];
      if (path === undefined || type === undefined || !REMOTE_TYPES.test(type)) continue;
      const text = path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      );
      const name = Buffer.from(text, "latin1").toString("utf8");
      mounts.set(name, known.get(name) ?? { path: name, inFlight: 0, waiting: [] });
    }
    // One that was unmounted while calls wait for it keeps its place until they are through.
    for (const mount of this.#mounts) if (mount.inFlight > 0) mounts.set(mount.path, mount);
    this.#mounts = [...mounts.values()].sort((a, b) => b.path.length - a.path.length);
  }
}

/** Whether the text of `path` is `parent` or lies under it. */
export function isBeneath(path: string, parent: string): boolean {
  if (parent === "/" || path === parent) return true;
  return path.startsWith(parent) && path.charCodeAt(parent.length) === 47;
}
