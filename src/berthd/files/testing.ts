import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { FileStat } from "../../contract/files.ts";
import type { ParamsInput } from "../../wire/messages.ts";
import type { Service } from "../service.ts";
import { TestClient } from "../testing.ts";
import { createFileService, type FileServiceOptions } from "./service.ts";

/** A directory of a test's own, and a client of a file service; both are gone at the end of the scope. */
export interface FileBench extends AsyncDisposable {
  readonly directory: string;
  readonly service: Service;
  readonly client: TestClient;
  path(name: string): string;
  read(path: string, params?: Partial<ParamsInput<"fs.read">>): Promise<Buffer>;
  write(
    path: string,
    content: string | Uint8Array,
    params?: Partial<ParamsInput<"fs.write">>,
  ): Promise<{ atomic: boolean; bytes: number }>;
  stat(path: string, params?: Partial<ParamsInput<"fs.stat">>): Promise<FileStat>;
  readdir(path: string, params?: Partial<ParamsInput<"fs.readdir">>): Promise<[string, string][]>;
}

export async function fileBench(
  options: Partial<FileServiceOptions> = {},
  parent: string = tmpdir(),
): Promise<FileBench> {
  const directory = await mkdtemp(join(parent, "berth-files-"));
  const service = createFileService({ home: homedir(), ...options });
  const client = new TestClient(service);
  return {
    directory,
    service,
    client,
    path: (name) => join(directory, name),
    read: async (path, params = {}) => (await client.call("fs.read", { path, ...params })).data,
    write: async (path, content, params = {}) => {
      const bytes = typeof content === "string" ? Buffer.from(content) : content;
      const input = bytes.length === 0 ? [] : [bytes];
      const { result } = await client.call("fs.write", { path, ...params }, input);
      return result as { atomic: boolean; bytes: number };
    },
    stat: async (path, params = {}) => {
      const { result } = await client.call("fs.stat", { paths: [path], ...params });
      const [first] = (result as { stats: ({ ok: FileStat } | { error: { code: string } })[] }).stats;
      if (first === undefined || !("ok" in first))
        throw Object.assign(new Error("stat failed"), first?.error);
      return first.ok;
    },
    readdir: async (path, params = {}) => {
      const { result, events } = await client.call("fs.readdir", { path, ...params });
      return [...events, result].flatMap((part) => (part as { entries: [string, string][] }).entries);
    },
    async [Symbol.asyncDispose]() {
      await service.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Waits until a condition holds, with a deadline. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not so after 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
