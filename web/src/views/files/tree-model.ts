import { isBerthError, type RunnerClient } from "../../../../src/client/index.ts";
import { Asking } from "../../state/asking.ts";
import { keep, kept } from "../../state/kept.ts";
import { Variable } from "../../state/observable.ts";
import { isWithin, joinPath, parentOf, parentsOf } from "./paths.ts";
import type { Directory, PathFacts, TreeEntry, TreeState } from "./tree.ts";

/** Entries of one directory that are read; the rest is told of. */
export const MOST_ENTRIES = 20_000;
const PAGE = 1000;
/** Paths whose sizes are asked for at once. */
const MOST_FACTS = 500;
/** Changes come in bursts. */
const GATHER_MS = 200;
const READ_AT_ONCE = 2;
/** Directories that hold what tools have made: watched only once they are unfolded. */
const UNWATCHED = [".git", "node_modules", ".venv", "target", "__pycache__", ".cache"];
const HIDDEN = "berth.files.hidden";

/** What a workspace's directories have in them: read when they are unfolded, and again when they change. */
export class TreeModel {
  readonly state: Variable<TreeState>;
  /** Told of paths that were changed in the place; undefined: of anything. */
  onChange: ((path: string | undefined) => void) | undefined;
  /** Whether the place tells of changes itself. */
  isWatching = false;
  readonly #client: RunnerClient;
  readonly #workspace: string;
  readonly #stale = new Set<string>();
  /** Paths of which facts were asked for and are not known to be old. */
  readonly #learned = new Set<string>();
  readonly #reading = new Map<string, Promise<void>>();
  #signal = AbortSignal.abort();
  readonly #asking = new Asking(() => this.#readStale(), GATHER_MS);
  #watch: AbortController | undefined;

  constructor(client: RunnerClient, workspace: string) {
    this.#client = client;
    this.#workspace = workspace;
    this.state = new Variable<TreeState>({
      directories: new Map(),
      open: new Set(),
      facts: new Map(),
      hidden: kept(HIDDEN) === "1",
    });
  }

  /** Keeps what is unfolded current while somebody looks, until the signal says otherwise. */
  follow(signal: AbortSignal): void {
    this.#signal = signal;
    this.refresh();
    this.#rewatch();
  }

  /** Reads everything that is unfolded again. */
  refresh(): void {
    const { open } = this.state.get();
    for (const path of ["", ...open]) this.#stale.add(path);
    this.#learned.clear();
    this.onChange?.(undefined);
    this.#soon();
  }

  /** Something of this path is another one. */
  changed(path: string): void {
    this.#stale.add(parentOf(path));
    if (this.state.get().open.has(path)) this.#stale.add(path);
    this.#learned.delete(path);
    this.onChange?.(path);
    this.#soon();
  }

  /** Nothing is there any more. */
  removed(path: string): void {
    const { open, directories } = this.state.get();
    if (directories.has(path) || open.has(path)) {
      const isLeft = (one: string) => !isWithin(one, path);
      this.#change({
        open: new Set([...open].filter(isLeft)),
        directories: new Map([...directories].filter(([one]) => isLeft(one))),
      });
    }
    this.changed(path);
  }

  setHidden(hidden: boolean): void {
    keep(HIDDEN, hidden ? "1" : "0");
    this.#change({ hidden });
  }

  fold(path: string): void {
    const open = new Set(this.state.get().open);
    open.delete(path);
    this.#change({ open });
  }

  async unfold(path: string): Promise<void> {
    const { open } = this.state.get();
    if (!open.has(path)) {
      this.#change({ open: new Set(open).add(path) });
      if (UNWATCHED.includes(path.split("/").at(-1) ?? "")) this.#rewatch();
    }
    await this.#read(path);
  }

  /** Unfolds what is above a path. */
  async reveal(path: string): Promise<void> {
    const above = parentsOf(path);
    const { open } = this.state.get();
    if (above.every((one) => open.has(one))) return;
    this.#change({ open: new Set([...open, ...above]) });
    await Promise.all(above.map((one) => this.#read(one)));
  }

  /** Asks for sizes, and where links lead, of paths that it is not known of. */
  async learn(paths: readonly string[]): Promise<void> {
    const wanted = paths.filter((path) => !this.#learned.has(path)).slice(0, MOST_FACTS);
    if (wanted.length === 0) return;
    for (const path of wanted) this.#learned.add(path);
    try {
      const { items } = await this.#client.post("/v1/workspaces/{workspace}/files/stat", {
        params: { path: { workspace: this.#workspace } },
        body: { paths: wanted },
        signal: this.#signal,
      });
      const facts = new Map(this.state.get().facts);
      for (const [index, path] of wanted.entries()) facts.set(path, factsOf(items[index]));
      this.#change({ facts });
    } catch {
      // A tree without sizes: its own calls say what is wrong with the place.
      for (const path of wanted) this.#learned.delete(path);
    }
  }

  #change(part: Partial<TreeState>): void {
    this.state.set({ ...this.state.get(), ...part });
  }

  #soon(): void {
    if (!this.#signal.aborted) this.#asking.soon();
  }

  async #readStale(): Promise<void> {
    const { open } = this.state.get();
    const paths = [...this.#stale].filter((path) => path === "" || open.has(path));
    this.#stale.clear();
    const queue = paths.values();
    // Others need connections, too.
    const worker = async () => {
      for (const path of queue) await this.#read(path);
    };
    await Promise.all(Array.from({ length: READ_AT_ONCE }, worker));
  }

  /** One reading of a directory at a time; who asks meanwhile gets one more behind it. */
  async #read(path: string): Promise<void> {
    const running = this.#reading.get(path);
    if (running !== undefined) {
      await running;
      if (this.#reading.has(path)) return this.#reading.get(path);
    }
    const reading = this.#readNow(path).finally(() => this.#reading.delete(path));
    this.#reading.set(path, reading);
    return reading;
  }

  async #readNow(path: string): Promise<void> {
    const signal = this.#signal;
    if (signal.aborted || (path !== "" && !this.state.get().open.has(path))) return;
    let directory: Directory;
    try {
      directory = await this.#entries(path, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (path !== "" && isBerthError(error, "ENOENT")) {
        this.removed(path);
        return;
      }
      directory = { entries: undefined, error };
    }
    this.#know(path, directory);
  }

  #know(path: string, directory: Directory): void {
    this.#change({ directories: new Map(this.state.get().directories).set(path, directory) });
  }

  async #entries(path: string, signal: AbortSignal): Promise<Directory> {
    const entries: TreeEntry[] = [];
    const isFirst = this.state.get().directories.get(path)?.entries === undefined;
    for (let cursor: string | undefined; entries.length < MOST_ENTRIES; ) {
      const page = await this.#client.get("/v1/workspaces/{workspace}/files/entries", {
        params: {
          path: { workspace: this.#workspace },
          query: { path: path || ".", limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
        },
        signal,
      });
      entries.push(...page.items);
      if (page.next === null) return { entries, isCut: false };
      cursor = page.next;
      // Of a huge directory each page takes its time: what is known is shown.
      if (isFirst) this.#know(path, { entries: [...entries], isCut: true });
    }
    return { entries, isCut: true };
  }

  #rewatch(): void {
    this.#watch?.abort();
    if (this.#signal.aborted) return;
    const stop = new AbortController();
    this.#watch = stop;
    void this.#watchUntil(AbortSignal.any([this.#signal, stop.signal]));
  }

  /** A place that can't watch leaves it to events, to coming back to the page, and to the button. */
  async #watchUntil(signal: AbortSignal): Promise<void> {
    const names = [...this.state.get().open].flatMap((path) => path.split("/"));
    const ignore = UNWATCHED.filter((name) => !names.includes(name));
    let top: string | undefined;
    try {
      for await (const event of this.#client.watch(this.#workspace, { path: ".", ignore, signal })) {
        if (event.type === "ready") {
          if (top !== undefined) this.refresh();
          top = event.path;
          this.isWatching = true;
        } else if (event.type === "rescan" || !event.path.startsWith(`${top}/`)) this.refresh();
        else if (event.type === "remove") this.removed(event.path.slice(`${top}/`.length));
        else this.changed(event.path.slice(`${top}/`.length));
      }
    } catch {
      // See above.
      if (!signal.aborted) this.isWatching = false;
    }
  }
}

function factsOf(
  stat: { readonly size: number; readonly type: string } | null | undefined,
): PathFacts | null {
  return stat == null ? null : { size: stat.size, isDirectory: stat.type === "directory" };
}

/** How much is in a directory, as far as it is worth counting before it is deleted. */
export async function countWithin(
  client: RunnerClient,
  workspace: string,
  directory: string,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly directories: number; readonly isMore: boolean }> {
  const queue = [directory];
  let [files, directories, calls] = [0, 0, 0];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (let cursor: string | undefined; ; ) {
      calls += 1;
      if (calls > MOST_COUNTED) return { files, directories, isMore: true };
      const { items, next } = await client.get("/v1/workspaces/{workspace}/files/entries", {
        params: {
          path: { workspace },
          query: { path, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
        },
        signal,
      });
      for (const { name, type } of items) {
        if (type === "directory") {
          directories += 1;
          queue.push(joinPath(path, name));
        } else files += 1;
      }
      if (next === null) break;
      cursor = next;
    }
  }
  return { files, directories, isMore: false };
}

/** Directories that are read for it. */
const MOST_COUNTED = 60;

/** Whether a change of this path may be one of what is at the other. */
export function touches(changed: string | undefined, path: string): boolean {
  return changed === undefined || isWithin(path, changed);
}
