import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { waitFor } from "../../../test/fixtures/process.ts";
import { berthError } from "../../contract/errors.ts";
import type { ExitStatus, ProcessInfo } from "../../contract/process.ts";
import { acceptWire, connectWire } from "../../wire/connection.ts";
import { loopbackPair } from "../../wire/loopback.ts";
import type { Method, ParamsInput } from "../../wire/messages.ts";
import { decodeOutput } from "../../wire/output-frame.ts";
import type { WireClient } from "../../wire/types.ts";
import type { MethodHandler } from "../service.ts";
import { HelperSpawner } from "./helper-spawner.ts";
import { ProcessHost } from "./host.ts";
import { createProcessService } from "./service.ts";
import { HELPER_PATH } from "./testing.ts";

async function setUp(): Promise<
  {
    client: WireClient;
    connect: () => Promise<WireClient>;
    host: ProcessHost;
    directory: string;
    waits: AbortSignal[];
  } & AsyncDisposable
> {
  const directory = await mkdtemp(join(tmpdir(), "berth-host-"));
  const host = new ProcessHost({
    directory,
    bootId: "boot",
    spawner: new HelperSpawner({ helperPath: HELPER_PATH, softFileLimit: 0 }),
    baseEnvironment: Promise.resolve({ PATH: process.env.PATH ?? "", HOME: "/root" }),
    daemonUser: { name: "root", uid: 0, gid: 0, groups: [0], home: "/root", shell: "/bin/sh" },
    log: () => {},
  });
  const waits: AbortSignal[] = [];
  const service = createProcessService({
    host,
    waitForPort: (_port, { signal }) => {
      waits.push(signal);
      return new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
      );
    },
  });
  const connect = async (): Promise<WireClient> => {
    const [near, far] = loopbackPair();
    acceptWire(far, {
      token: "t",
      hello: { protocol: [1, 1], version: "0", bootId: "boot" },
      onRequest: (stream, method, params, session) => {
        const handler = service.methods[method] as MethodHandler<Method> | undefined;
        return handler?.(params as never, stream, session);
      },
      onSession: (session) => host.clientConnected(session.clientId),
    });
    return await connectWire(near, { token: "t", clientId: "c", version: "0" });
  };
  const client = await connect();
  return {
    client,
    connect,
    host,
    directory,
    waits,
    async [Symbol.asyncDispose]() {
      client.close();
      await service.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface Ran {
  readonly process: ProcessInfo;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exit: ExitStatus;
  readonly cursor: number;
  readonly gaps: { from: number; to: number }[];
}

function run(
  client: WireClient,
  command: string[],
  extra: Partial<ParamsInput<"process.start">> = {},
  input?: Uint8Array[],
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    let process: ProcessInfo | undefined;
    const channels: Buffer[][] = [[], [], [], []];
    const gaps: { from: number; to: number }[] = [];
    let end: { exit: ExitStatus; cursor: number } | undefined;
    const stream = client.request(
      "process.start",
      { requestId: randomUUID(), command, cwd: "/", attach: { from: 0 }, ...extra },
      {
        onResponse: (result) => {
          process = (result as { process: ProcessInfo }).process;
        },
        onData: (payload) => {
          assert.equal(end, undefined, "output behind the exit");
          decodeOutput(payload, (channel, bytes) => channels[channel]?.push(Buffer.from(bytes)));
          stream.consumed(payload.length);
        },
        onEvent: (event) => {
          if ("gap" in (event as object)) gaps.push((event as { gap: { from: number; to: number } }).gap);
          else end = event as { exit: ExitStatus; cursor: number };
        },
        onEnd: () =>
          resolve({
            process: process!,
            stdout: Buffer.concat([...channels[1]!, ...channels[3]!]),
            stderr: Buffer.concat(channels[2]!),
            exit: end!.exit,
            cursor: end!.cursor,
            gaps,
          }),
        onReset: reject,
      },
    );
    if (input !== undefined) {
      for (const chunk of input) stream.data(chunk);
      stream.end();
    }
  });
}

test("a command's bytes, exit and cursor arrive, the exit last", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["sh", "-c", "printf 'a\\0b'; printf err >&2; exit 7"]);
  assert.deepEqual([ran.stdout.toString("latin1"), ran.stderr.toString()], ["a\0b", "err"]);
  assert.deepEqual([ran.exit.exitCode, ran.exit.signal, ran.cursor], [7, null, 6]);
});

test("a child that holds the pipes does not delay the exit, and its output goes behind the exit mark", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["sh", "-c", "(sleep 0.3; echo late) & echo hi"]);
  assert.equal(ran.stdout.toString(), "hi\n");
  assert.equal(ran.exit.exitCode, 0);
  const deadline = Date.now() + 5000;
  let info = ran.process;
  while (info.outputEnd < 8 && Date.now() < deadline) {
    ({ process: info } = await place.client.call<"process.get", { process: ProcessInfo }>("process.get", {
      id: ran.process.id,
    }));
  }
  assert.equal(info.outputEnd, 8);
});

test("20 MB arrive byte-exact although nothing may be lost to memory limits", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x"], {
    overflow: "pause",
    attach: { from: 0, lossless: true },
  });
  assert.equal(ran.stdout.length, 20_000_000);
  assert.ok(ran.stdout.every((byte) => byte === 120));
  assert.deepEqual(ran.gaps, []);
});

test("a bounded capture sends head and tail and says what is missing", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["sh", "-c", "seq 1 100000"], {
    attach: { from: 0, capture: { headBytes: 10, tailBytes: 13 } },
  });
  assert.equal(ran.stdout.toString(), "1\n2\n3\n4\n5\n99999\n100000\n");
  assert.equal(ran.gaps.length, 1);
  assert.equal(ran.cursor, 588895);
});

test("input reaches the command, and its end", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["wc", "-c"], { stdin: "pipe" }, [
    Buffer.alloc(1_000_000),
    Buffer.alloc(5),
  ]);
  assert.equal(ran.stdout.toString().trim(), "1000005");
});

test("stdin, stdout and stderr are real pipes", async () => {
  await using place = await setUp();
  const ran = await run(
    place.client,
    ["sh", "-c", "cat /dev/stdin | tee /dev/stdout; echo e > /dev/stderr"],
    { stdin: "pipe" },
    [Buffer.from("in")],
  );
  assert.deepEqual([ran.exit.exitCode, ran.stdout.toString(), ran.stderr.toString()], [0, "inin", "e\n"]);
});

test("a timeout ends the tree, keeps the output and says so", async () => {
  await using place = await setUp();
  const ran = await run(
    place.client,
    ["sh", "-c", "trap 'echo trapped; exit 3' TERM; echo before; sleep 100 & wait"],
    { timeoutMs: 1_500 },
  );
  assert.equal(ran.stdout.toString(), "before\ntrapped\n");
  assert.deepEqual([ran.exit.exitCode, ran.exit.timedOut], [3, true]);
});

test("a terminal has its size, and its end comes after all of its output", async () => {
  await using place = await setUp();
  const ran = await run(place.client, ["sh", "-c", "stty size; seq 1 20000"], {
    tty: { columns: 120, rows: 40 },
  });
  const text = ran.stdout.toString();
  assert.ok(text.startsWith("40 120\r\n"));
  assert.ok(text.endsWith("20000\r\n"));
});

test("typed errors for what cannot start", async () => {
  await using place = await setUp();
  const code = (command: string[], extra = {}) =>
    run(place.client, command, extra).then(
      () => "none",
      (error) => error.code,
    );
  assert.equal(await code(["/nowhere/x"]), "process.not_found");
  assert.equal(await code(["true"], { cwd: "/nowhere" }), "process.cwd_not_found");
  assert.equal(await code(["/etc/passwd"]), "process.permission_denied");
  assert.equal(await code(["true"], { env: [["1A", "x"]] }), "process.env_invalid");
});

test("the same request starts one process; a name is one live process", async () => {
  await using place = await setUp();
  const start = (extra: Partial<ParamsInput<"process.start">>) =>
    place.client.call<"process.start", { process: ProcessInfo }>("process.start", {
      requestId: randomUUID(),
      command: ["sleep", "5"],
      cwd: "/",
      ...extra,
    });
  const [first, second] = await Promise.all([start({ requestId: "same" }), start({ requestId: "same" })]);
  assert.equal(first.process.id, second.process.id);
  const named = await start({ name: "dev" });
  assert.equal((await start({ name: "dev" })).process.id, named.process.id);
  await assert.rejects(start({ name: "dev", command: ["sleep", "6"] }), { code: "process.name_conflict" });
});

test("a process that waits for its lossless reader goes on when the reader does", async () => {
  await using place = await setUp();
  const bytes = 30_000_000;
  const total = await new Promise<number>((resolve, reject) => {
    let seen = 0;
    const stream = place.client.request(
      "process.start",
      {
        requestId: randomUUID(),
        command: ["head", "-c", String(bytes), "/dev/zero"],
        cwd: "/",
        overflow: "pause",
        logLimitBytes: 1_000_000,
        attach: { from: 0, lossless: true },
      },
      {
        onData: (payload) => {
          decodeOutput(payload, (_channel, data) => {
            seen += data.length;
          });
          // A reader that takes its time: the log fills and the process has to wait.
          setImmediate(() => stream.consumed(payload.length));
        },
        onEvent: (event) => {
          if ("gap" in (event as object)) reject(new Error("a gap for a lossless reader"));
        },
        onEnd: () => resolve(seen),
        onReset: reject,
      },
    );
  });
  assert.equal(total, bytes);
});

test("the exit comes although the bytes before it are gone with those of a child behind it", async () => {
  await using place = await setUp();
  const ran = await run(
    place.client,
    ["sh", "-c", "(sleep 0.3; head -c 20000000 /dev/zero; sleep 60) & echo hi"],
    { logLimitBytes: 1 },
  );
  await waitFor("the log's limit", async () => {
    const { process } = await place.client.call<"process.get", { process: ProcessInfo }>("process.get", {
      id: ran.process.id,
    });
    return process.outputStart > 3;
  });
  const events = await new Promise<unknown[]>((resolve, reject) => {
    const seen: unknown[] = [];
    place.client.request(
      "process.output",
      { id: ran.process.id, from: 1 },
      { onEvent: (event) => seen.push(event), onEnd: () => resolve(seen), onReset: reject },
    );
  });
  assert.deepEqual(events, [{ gap: { from: 1, to: 3 } }, { exit: ran.exit, cursor: 3 }]);
});

test("waiting for a port ends when the client no longer asks", async () => {
  await using place = await setUp();
  const stream = place.client.request("process.waitPort", { port: 1, timeoutMs: 60_000 }, {});
  await waitFor("the wait", () => place.waits.length === 1);
  stream.reset(berthError("operation.aborted"));
  await waitFor("its end", () => place.waits[0]?.aborted === true);
});

test("input that still arrives over a lost connection is dropped when the client goes on over another", async () => {
  await using place = await setUp();
  const request = { requestId: randomUUID(), command: ["cat"], cwd: "/", stdin: "pipe" as const };
  let ended = (_text: string): void => {};
  const output = new Promise<string>((resolve) => {
    ended = resolve;
  });
  const attach = (client: WireClient) => {
    let text = "";
    const opened = Promise.withResolvers<number>();
    const stream = client.request(
      "process.start",
      { ...request, attach: { from: 0 } },
      {
        onResponse: (result) => opened.resolve((result as { stdinAccepted: number }).stdinAccepted),
        onData: (payload) => {
          decodeOutput(payload, (_channel, bytes) => {
            text += Buffer.from(bytes).toString();
          });
          stream.consumed(payload.length);
        },
        onEnd: () => ended(text),
      },
    );
    return { stream, accepted: opened.promise, text: () => text };
  };
  const old = attach(place.client);
  old.stream.data(Buffer.from("aaa"));
  await waitFor("its echo", () => old.text() === "aaa");
  const again = attach(await place.connect());
  assert.equal(await again.accepted, 3);
  old.stream.data(Buffer.from("late"));
  old.stream.end();
  await place.client.call("process.list", {});
  again.stream.data(Buffer.from("bbb"));
  again.stream.end();
  assert.equal(await output, "aaabbb");
});
