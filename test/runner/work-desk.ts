import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before } from "node:test";
import { type TestRunner, testRunner } from "../fixtures/runner.ts";

const STREAM_MS = 60_000;

/** An answer, its body as JSON where it is that. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what a call answers is what the test asserts
  readonly body: any;
}

export interface Asked {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One runner for those tests of a file that need none of their own. */
export function sharedRunner(): () => TestRunner {
  let runner: TestRunner | undefined;
  before(async () => {
    runner = await testRunner({ inProcess: true });
  });
  after(async () => {
    await runner?.[Symbol.asyncDispose]();
  });
  return () => {
    if (runner === undefined) throw new Error("the runner has not been started");
    return runner;
  };
}

/** A call with a JSON body, or one of bytes. */
export async function ask(
  runner: TestRunner,
  method: string,
  path: string,
  body?: unknown,
  { token, headers = {} }: Asked = {},
): Promise<Answered> {
  const isBytes = typeof body === "string" || body instanceof Uint8Array;
  const type = isBytes ? "application/octet-stream" : "application/json";
  const response = await runner.call(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isBytes ? (body as string) : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
}

/** A call that is refused with this status and code. */
export async function refused(
  answer: Promise<Answered>,
  status: number,
  code: string,
): Promise<Answered["body"]> {
  const { status: found, body } = await answer;
  assert.deepEqual([found, body?.error?.code], [status, code], JSON.stringify(body));
  return body.error;
}

/** An operation that has ended well. */
export async function done(answer: Promise<Answered>): Promise<Answered["body"]> {
  const { status, body } = await answer;
  assert.deepEqual([status, body.state], [200, "succeeded"], JSON.stringify(body));
  return body;
}

/** A token for workspaces, by its secret. */
export async function tokenFor(
  runner: TestRunner,
  name: string,
  scope: string,
  workspaces?: readonly string[],
): Promise<string> {
  const { status, body } = await ask(runner, "POST", "/v1/tokens", { name, scope, workspaces });
  assert.equal(status, 201, JSON.stringify(body));
  return body.secret;
}

/** Files of a project, committed; names that end with `*` are executable. */
export function commit(project: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(project, name.replace(/\*$/, ""));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    if (name.endsWith("*")) chmodSync(path, 0o755);
  }
  git(project, "add", "-A");
  git(project, "-c", "user.name=dev", "-c", "user.email=dev@example.com", "commit", "-q", "-m", "files");
}

export function git(directory: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: directory, encoding: "utf8" }).trim();
}

export interface StreamEvent {
  readonly event: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: what a stream tells is what the test asserts
  readonly data: any;
}

/** Server-sent events of a call, until it ends; one that goes on for too long is a failure. */
export async function* streamed(
  runner: TestRunner,
  path: string,
  { token, headers = {} }: Asked = {},
): AsyncGenerator<StreamEvent> {
  const response = await runner.call(path, {
    headers: {
      accept: "text/event-stream",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    signal: AbortSignal.timeout(STREAM_MS),
  });
  assert.equal(response.status, 200, response.ok ? "" : await response.text());
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map(block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const data = fields.get("data");
      if (data === undefined) continue;
      yield { event: fields.get("event") ?? "message", id: fields.get("id"), data: JSON.parse(data) };
    }
  }
}
