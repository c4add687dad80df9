import { isBerthError, type RunnerClient } from "../../../../src/client/index.ts";
import { berthError } from "../../../../src/contract/errors.ts";
import { Variable } from "../../state/observable.ts";
import { saveBlob } from "../../ui/save.ts";
import type { DroppedFile } from "./dropped.ts";
import { joinPath, nameOf } from "./paths.ts";
import { sendFile } from "./send-file.ts";

export interface Transfer {
  readonly id: number;
  readonly kind: "upload" | "download";
  readonly path: string;
  /** Bytes. */
  readonly done: number;
  /** undefined: not known before its end, as of an archive. */
  readonly total: number | undefined;
  /** "exists": there is such a file, and whether it is replaced is to be said. */
  readonly state: "waiting" | "running" | "done" | "exists" | "failed" | "cancelled";
  readonly error?: unknown;
}

interface Job {
  readonly run: (signal: AbortSignal, replace: boolean) => Promise<void>;
  readonly stop: AbortController;
  replace: boolean;
}

/** A browser has six connections for an origin, of all tabs together. */
const AT_ONCE = 3;
/** How often figures are told. */
const TELL_MS = 100;

/** What goes to a workspace and comes from it, some at a time; goes on while other views are looked at. */
export class Transfers {
  readonly list = new Variable<readonly Transfer[]>([]);
  readonly #jobs = new Map<number, Job>();
  readonly #now = new Map<number, Transfer>();
  #running = 0;
  #next = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Files into a directory of the place; none is replaced unasked. `onDone` is told of each that is there. */
  upload(
    client: RunnerClient,
    workspace: string,
    directory: string,
    files: readonly DroppedFile[],
    onDone: (path: string) => void,
  ): void {
    for (const { path: below, file } of files) {
      const path = joinPath(directory, below);
      this.#add({ kind: "upload", path, done: 0, total: file.size }, async (id, signal, replace) => {
        // Asked for first: what is refused in the middle of its upload looks like a lost connection.
        if (!replace) await requireAbsent(client, workspace, path, signal);
        await sendFile({
          url: `${client.url}v1/workspaces/${encodeURIComponent(workspace)}/files/content`,
          path,
          file,
          replace,
          signal,
          onProgress: (done) => this.#change(id, { done }),
        });
        this.#change(id, { done: file.size });
        onDone(path);
      });
    }
  }

  /** A file, or a directory as an archive, that the browser then saves. */
  download(
    client: RunnerClient,
    workspace: string,
    path: string,
    what: { readonly directory: boolean; readonly size?: number | undefined; readonly name: string },
  ): void {
    const { directory, size, name } = what;
    const shown = path === "" ? name : path;
    this.#add({ kind: "download", path: shown, done: 0, total: size }, async (id, signal) => {
      const call = directory ? "archive" : "content";
      const { data, response } = await client.api.GET(`/v1/workspaces/{workspace}/files/${call}`, {
        params: { path: { workspace }, query: { path: path || "." } },
        parseAs: "stream",
        signal,
      });
      const length = Number(response.headers.get("content-length") ?? Number.NaN);
      if (!directory && !Number.isNaN(length)) this.#change(id, { total: length });
      let done = 0;
      const counted = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          done += chunk.length;
          this.#change(id, { done });
          controller.enqueue(chunk);
        },
      });
      const body = (data as ReadableStream<Uint8Array> | null)?.pipeThrough(counted) ?? null;
      const blob = await new Response(body as BodyInit | null).blob();
      signal.throwIfAborted();
      this.#change(id, { done: blob.size, total: blob.size });
      saveBlob(blob, directory ? `${name}.tar` : nameOf(path));
    });
  }

  cancel(...ids: readonly number[]): void {
    for (const id of ids) {
      const transfer = this.#now.get(id);
      if (transfer === undefined || isOver(transfer)) continue;
      this.#change(id, { state: "cancelled" });
      this.#jobs.get(id)?.stop.abort();
      if (transfer.state !== "running") this.#jobs.delete(id);
    }
    this.#start();
  }

  /** Tries what has failed again, and replaces what is there. */
  again(...ids: readonly number[]): void {
    for (const id of ids) {
      const transfer = this.#now.get(id);
      const job = this.#jobs.get(id);
      if (transfer === undefined || job === undefined) continue;
      if (transfer.state !== "failed" && transfer.state !== "exists") continue;
      if (transfer.state === "exists") job.replace = true;
      this.#change(id, { state: "waiting", done: 0, error: undefined });
    }
    this.#start();
  }

  /** Takes away what is over. */
  clear(): void {
    for (const [id, transfer] of this.#now) {
      if (transfer.state === "running" || transfer.state === "waiting") continue;
      this.#now.delete(id);
      this.#jobs.delete(id);
    }
    this.#tell();
  }

  #add(
    given: Pick<Transfer, "kind" | "path" | "done" | "total">,
    run: (id: number, signal: AbortSignal, replace: boolean) => Promise<void>,
  ): void {
    const id = this.#next++;
    this.#now.set(id, { ...given, id, state: "waiting" });
    this.#jobs.set(id, {
      run: (signal, replace) => run(id, signal, replace),
      stop: new AbortController(),
      replace: false,
    });
    this.#tell();
    this.#start();
  }

  #start(): void {
    for (const { id, state } of this.#now.values()) {
      if (this.#running >= AT_ONCE) return;
      if (state === "waiting") void this.#run(id);
    }
  }

  async #run(id: number): Promise<void> {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#running += 1;
    this.#change(id, { state: "running" });
    try {
      await job.run(job.stop.signal, job.replace);
      this.#change(id, { state: "done" });
      this.#jobs.delete(id);
    } catch (error) {
      if (!job.stop.signal.aborted) {
        const exists = isBerthError(error, "fs.changed");
        this.#change(id, exists ? { state: "exists" } : { state: "failed", error });
      }
    } finally {
      this.#running -= 1;
      this.#start();
    }
  }

  #change(id: number, change: Partial<Transfer>): void {
    const transfer = this.#now.get(id);
    if (transfer === undefined || transfer.state === "cancelled") return;
    this.#now.set(id, { ...transfer, ...change });
    this.#tell();
  }

  #tell(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.list.set([...this.#now.values()]);
    }, TELL_MS);
  }
}

function isOver({ state }: Transfer): boolean {
  return state === "done" || state === "failed" || state === "cancelled";
}

/** @throws fs.changed */
async function requireAbsent(
  client: RunnerClient,
  workspace: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const { items } = await client.post("/v1/workspaces/{workspace}/files/stat", {
    params: { path: { workspace } },
    body: { paths: [path] },
    signal,
  });
  if (items[0] != null) throw berthError("fs.changed", { context: { path } });
}

const all = new Map<string, Transfers>();

/** Those of a workspace. */
export function transfersOf(workspace: string): Transfers {
  let transfers = all.get(workspace);
  if (transfers === undefined) {
    transfers = new Transfers();
    all.set(workspace, transfers);
  }
  return transfers;
}

/** All together. */
export function sumOf(list: readonly Transfer[]): {
  readonly done: number;
  readonly total: number | undefined;
  readonly over: number;
  readonly going: number;
} {
  const counted = list.filter(({ state }) => state === "done" || state === "running" || state === "waiting");
  const sum = (of: (transfer: Transfer) => number) => counted.reduce((total, one) => total + of(one), 0);
  const isKnown = counted.every(({ total }) => total !== undefined);
  return {
    done: sum(({ done }) => done),
    total: isKnown ? sum(({ total }) => total ?? 0) : undefined,
    over: counted.filter(({ state }) => state === "done").length,
    going: counted.filter(({ state }) => state !== "done").length,
  };
}
