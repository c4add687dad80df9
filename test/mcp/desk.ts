import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import {
  type CallToolResult,
  Client,
  type ClientOptions,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { BERTH, type Desk } from "../cli/berth.ts";
import { waitFor } from "../fixtures/process.ts";
import type { TestRunner } from "../fixtures/runner.ts";

export interface StdioClient extends AsyncDisposable {
  readonly client: Client;
  /** Process id of `berth mcp`. */
  readonly pid: number;
  stderr(): string;
}

export interface ClientChoice {
  readonly cwd?: string;
  readonly options?: ClientOptions;
  readonly prepare?: (client: Client) => void;
}

/** The official client, with `berth mcp` as its server. */
export async function stdioClient(
  desk: Pick<Desk, "directory" | "env">,
  args: readonly string[] = [],
  { cwd = desk.directory, options, prepare }: ClientChoice = {},
): Promise<StdioClient> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BERTH, "mcp", ...args],
    cwd,
    env: desk.env as Record<string, string>,
    stderr: "pipe",
  });
  let stderr = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const client = new Client({ name: "test", version: "1.0.0" }, options ?? {});
  prepare?.(client);
  await client.connect(transport);
  return {
    client,
    pid: transport.pid ?? 0,
    stderr: () => stderr,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

export interface HttpClient extends AsyncDisposable {
  readonly client: Client;
  readonly transport: StreamableHTTPClientTransport;
}

/** The official client, by a runner. */
export async function httpClient(
  runner: Pick<TestRunner, "url" | "token">,
  workspace: string,
  { token = runner.token, options }: { readonly token?: string; readonly options?: ClientOptions } = {},
): Promise<HttpClient> {
  const transport = new StreamableHTTPClientTransport(
    new URL(`/v1/workspaces/${workspace}/mcp`, runner.url),
    {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    },
  );
  const client = new Client({ name: "test", version: "1.0.0" }, options ?? {});
  await client.connect(transport);
  return { client, transport, [Symbol.asyncDispose]: () => client.close() };
}

/** Revision 2026-07-28. */
export const MODERN: ClientOptions = { versionNegotiation: { mode: { pin: "2026-07-28" } } };

export async function call(
  client: Client,
  name: string,
  input: Readonly<Record<string, unknown>> = {},
): Promise<CallToolResult> {
  return await client.callTool({ name, arguments: { ...input } });
}

export function textOf({ content }: Pick<CallToolResult, "content">): string {
  return content.map((part) => (part.type === "text" ? part.text : `<${part.type}>`)).join("");
}

/** Text that finds a command among the processes of this machine. */
export function marker(): string {
  return `marker-${randomUUID()}`;
}

/** Processes with this in their command line. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0) || pid === process.pid) return false;
      try {
        const isZombie = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.startsWith("Z");
        return !isZombie && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
      } catch {
        return false;
      }
    });
}

export async function untilRunning(text: string): Promise<void> {
  await waitFor(`${text} runs`, () => processesWith(text).length > 0);
}

export async function untilGone(text: string): Promise<void> {
  await waitFor(`${text} is gone`, () => processesWith(text).length === 0);
}

/** The inspector's command line mode: what it prints, as JSON. */
export function inspect(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): unknown {
  const program = new URL("../../node_modules/.bin/mcp-inspector", import.meta.url).pathname;
  const out = execFileSync(process.execPath, [program, "--cli", ...args], {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
  });
  return JSON.parse(out);
}
