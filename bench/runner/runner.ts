import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "ws";
import { ATTACH_PROTOCOL } from "../../src/api/attach-format.ts";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import type { Workspace } from "../../src/contract/workspace.ts";
import { readRunnerFile } from "../../src/runner/runner-file.ts";
import { openWorkspaces } from "../../src/workspaces/open.ts";
import { endDaemons } from "../../test/conformance/place.ts";
import { output, waitFor } from "../../test/fixtures/process.ts";

const root = join(import.meta.dirname, "../..");
/** The command as it is shipped; BERTH_BENCH_SOURCE=1: as it is written, for a look while working on something. */
const BERTH =
  process.env.BERTH_BENCH_SOURCE === "1"
    ? join(root, "test/fixtures/berth-source.ts")
    : join(root, "bin/berth.js");

/** A state directory with a project, removed at the end with the daemon that worked in it. */
export interface RunnerHome extends AsyncDisposable {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly project: string;
  /** A workspace of the project; default: in a worktree. */
  workspace(name: string, runtime?: RuntimeConfig): Promise<Workspace>;
}

export async function runnerHome(): Promise<RunnerHome> {
  const directory = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const stateDirectory = join(directory, "state");
  const project = join(directory, "project");
  await mkdir(project);
  const git = ["git", "-C", project, "-c", "user.name=bench", "-c", "user.email=dev@example.com"];
  await output([...git, "init", "-q", "-b", "main"]);
  await output([...git, "commit", "-q", "--allow-empty", "-m", "first"]);
  return {
    directory,
    stateDirectory,
    project,
    async workspace(name, runtime = { type: "worktree" }) {
      await using workspaces = await openWorkspaces({ stateDirectory });
      return await workspaces.create({ name, project, runtime, skipInit: true });
    },
    async [Symbol.asyncDispose]() {
      await endDaemons(stateDirectory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly ms: number;
}

/** A runner in a process of its own, and a client that keeps its connections. */
export interface BenchRunner extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  /** From its start to when it could be called. */
  readonly startMs: number;
  /** @throws Error for a status from 400 on */
  call<Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>>;
  /** Where a client attaches, and what it says who it is by. */
  attachTo(processId: string, query?: string): { readonly url: string; readonly authorization: string };
  attach(processId: string, query?: string): WebSocket;
  /** Memory in bytes: now, and the most there was. */
  memory(): { readonly now: number; readonly peak: number };
  descriptors(): Promise<number>;
}

export async function startRunner(stateDirectory: string): Promise<BenchRunner> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [BERTH, "serve", "--port", "0", "--log-level", "warn"], {
    env: { ...process.env, BERTH_HOME: stateDirectory },
    stdio: ["ignore", "ignore", "inherit"],
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const end = async (): Promise<void> => {
    agent.destroy();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    await ended;
    clearTimeout(killer);
  };
  try {
    const { url } = await waitFor("the runner listens", () => {
      if (child.exitCode !== null) throw new Error("the runner ended");
      const file = readRunnerFile(stateDirectory);
      return file?.pid === child.pid ? file : undefined;
    });
    const token = readFileSync(join(stateDirectory, "token"), "utf8").trim();
    const headers = { authorization: `Bearer ${token}` };
    const call = <Body>(method: string, path: string, body?: unknown): Promise<Answer<Body>> =>
      new Promise((resolve, reject) => {
        const begunMs = performance.now();
        const json = body === undefined ? undefined : JSON.stringify(body);
        const more =
          json === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(json) };
        const sent = request(
          `${url}${path}`,
          { method, agent, headers: { ...headers, ...more } },
          (response) => {
            const parts: Buffer[] = [];
            response.on("data", (part: Buffer) => parts.push(part));
            response.on("error", reject);
            response.on("end", () => {
              const text = Buffer.concat(parts).toString();
              const status = response.statusCode ?? 0;
              if (status >= 400) reject(new Error(`${method} ${path}: ${status} ${text}`));
              else
                resolve({
                  status,
                  body: (text === "" ? undefined : JSON.parse(text)) as Body,
                  ms: performance.now() - begunMs,
                });
            });
          },
        );
        sent.on("error", reject);
        sent.end(json);
      });
    const attachTo = (id: string, query = "role=viewer") => ({
      url: `${url.replace(/^http/, "ws")}/v1/processes/${id}/attach?${query}`,
      ...headers,
    });
    await call("GET", "/v1/health");
    const startMs = performance.now() - startedMs;
    const pid = child.pid ?? 0;
    return {
      child,
      pid,
      url,
      startMs,
      call,
      attachTo,
      attach(id, query) {
        const { url: to, authorization } = attachTo(id, query);
        return new WebSocket(to, ATTACH_PROTOCOL, { headers: { authorization }, perMessageDeflate: false });
      },
      memory() {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        const of = (name: string): number =>
          Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
        return { now: of("VmRSS"), peak: of("VmHWM") };
      },
      descriptors: async () => (await output(["ls", `/proc/${pid}/fd`])).trim().split("\n").length,
      [Symbol.asyncDispose]: end,
    };
  } catch (cause) {
    await end();
    throw cause;
  }
}

export interface ProcessJson {
  readonly id: string;
  readonly state: string;
  readonly exit: { readonly exit_code: number | null; readonly duration_ms: number } | null;
  readonly output_end: number;
}
