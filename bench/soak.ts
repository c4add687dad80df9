// An hour of mixed load on a runner, or as many minutes as are given: node bench/soak.ts [--minutes 5] [--home DIR]
// Says what memory, descriptors and disk did, and ends with 1 when one of them has grown beyond its limits.
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { output } from "../test/fixtures/process.ts";
import { median } from "./measure.ts";
import { type BenchRunner, type ProcessJson, runnerHome, startRunner } from "./runner/runner.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "60" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error("--minutes has to be a number");

/** What may be more in the last third than in the second: the first one warms up. */
const MEMORY_GROWTH = { ratio: 1.15, bytes: 32 * 1024 * 1024 };
const DESCRIPTOR_GROWTH = 20;
/** Of what is not the log of events: logs of processes are kept for ten minutes. */
const DISK_LIMIT_BYTES = 1024 * 1024 * 1024;
/** What an event may take in the database with its indexes. */
const EVENT_BYTES = 2_000;
const SAMPLES = 180;

interface Sample {
  readonly runnerBytes: number;
  readonly daemonBytes: number;
  readonly descriptors: number;
  readonly daemonDescriptors: number;
  readonly diskBytes: number;
  readonly databaseBytes: number;
  readonly events: number;
}

await using home = await runnerHome();
const { id } = await home.workspace("soak");
await using runner = await startRunner(home.stateDirectory);
const endMs = performance.now() + minutes * 60_000;
const done = new Map<string, number>();
const failures: string[] = [];

/** Repeats one kind of work until the end. */
async function repeat(kind: string, pauseMs: number, work: () => Promise<unknown>): Promise<void> {
  while (performance.now() < endMs) {
    try {
      await work();
      done.set(kind, (done.get(kind) ?? 0) + 1);
    } catch (cause) {
      failures.push(`${kind}: ${cause instanceof Error ? cause.message : String(cause)}`);
      if (failures.length > 50) throw new Error(`too much fails:\n${failures.join("\n")}`);
    }
    await delay(Math.random() * pauseMs);
  }
}

const start = async (command: unknown, more: object = {}): Promise<ProcessJson> =>
  (await runner.call<ProcessJson>("POST", `/v1/workspaces/${id}/processes`, { command, ...more })).body;
const remove = async (process_: ProcessJson): Promise<void> => {
  await runner.call("POST", `/v1/processes/${process_.id}/kill`);
  for (let turn = 0; turn < 200; turn += 1) {
    const { body } = await runner.call<ProcessJson>("GET", `/v1/processes/${process_.id}`);
    if (body.state !== "running") break;
    await delay(20);
  }
  await runner.call("DELETE", `/v1/processes/${process_.id}`);
};

/** A process with output, and viewers that come, read for a while, and leave; some without a word. */
async function watched(): Promise<void> {
  const made = await start(
    "i=0; while [ $i -lt 4000 ]; do echo line $i of some output; i=$((i+1)); done; sleep 2",
  );
  const viewers = Array.from({ length: 5 }, () => runner.attach(made.id, "role=viewer&from=0"));
  for (const viewer of viewers) viewer.on("error", () => {}).on("message", () => {});
  await delay(200 + Math.random() * 1_000);
  for (const [at, viewer] of viewers.entries()) at % 2 === 0 ? viewer.close() : viewer.terminate();
  await remove(made);
}

async function flood(): Promise<void> {
  const made = await start(["head", "-c", "50000000", "/dev/zero"]);
  const viewer = runner.attach(made.id, "role=viewer&from=0");
  const ended = new Promise<void>((resolve) =>
    viewer.on("close", () => resolve()).on("error", () => resolve()),
  );
  viewer.on("message", () => {});
  await ended;
  await remove(made);
}

/** Follows the events for a while, and goes. */
async function follow(): Promise<void> {
  const response = await fetch(`${runner.url}/v1/events`, {
    headers: { accept: "text/event-stream", authorization: runner.attachTo("").authorization },
    signal: AbortSignal.timeout(3_000),
  });
  try {
    for await (const _ of response.body ?? []) void _;
  } catch (cause) {
    if ((cause as Error).name !== "TimeoutError") throw cause;
  }
}

async function files(): Promise<void> {
  const path = `soak-${Math.floor(Math.random() * 20)}.bin`;
  const url = `${runner.url}/v1/workspaces/${id}/files/content?path=${path}`;
  const { authorization } = runner.attachTo("");
  const body = randomBytes(Math.floor(Math.random() * 200_000));
  const headers = { authorization, "content-type": "application/octet-stream" };
  const written = await fetch(url, { method: "PUT", headers, body });
  await written.arrayBuffer();
  if (!written.ok) throw new Error(`a file can't be written: ${written.status}`);
  const read = await fetch(url, { headers: { authorization } });
  if (!read.ok || (await read.arrayBuffer()).byteLength !== body.length)
    throw new Error(`a file is not as it was written: ${read.status}`);
}

/** Calls that are refused, as a stranger makes them. */
async function refused(): Promise<void> {
  const response = await fetch(`${runner.url}/v1/workspaces/${randomBytes(4).toString("hex")}`, {
    headers: { authorization: `Bearer ${randomBytes(16).toString("hex")}` },
  });
  await response.arrayBuffer();
  if (response.status !== 401 && response.status !== 429) throw new Error(`not refused: ${response.status}`);
}

const samples: Sample[] = [];

async function watch(): Promise<void> {
  while (performance.now() < endMs) {
    samples.push(await sample(runner));
    await delay(Math.max(500, (minutes * 60_000) / SAMPLES));
  }
}

async function sample({ pid }: BenchRunner): Promise<Sample> {
  const daemons = (await output(["ps", "-A", "-o", "pid=", "-o", "args="]))
    .split("\n")
    .filter((line) => line.includes(home.stateDirectory) && line.includes("berthd"))
    .map((line) => Number(/\d+/.exec(line)?.[0]));
  const { body } = await runner.call<{ sequence: number }>("GET", "/v1/events/head");
  const database = readdirSync(home.stateDirectory)
    .filter((name) => name.startsWith("berth.db"))
    .reduce(
      (sum, name) => sum + (statSync(join(home.stateDirectory, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  return {
    runnerBytes: memoryOf(pid),
    daemonBytes: daemons.reduce((sum, daemon) => sum + memoryOf(daemon), 0),
    descriptors: await runner.descriptors(),
    daemonDescriptors: daemons.reduce((sum, daemon) => sum + descriptorsOf(daemon), 0),
    diskBytes: (await diskOf(home.stateDirectory)) - database,
    databaseBytes: database,
    events: body.sequence,
  };
}

function memoryOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Files may go while it looks. */
async function diskOf(directory: string): Promise<number> {
  const said = await output(["sh", "-c", 'du -sk -- "$0" 2>/dev/null || true', directory]);
  return Number(/^\d+/.exec(said)?.[0] ?? 0) * 1024;
}

await Promise.all([
  watch(),
  repeat("exec", 50, () => runner.call("POST", `/v1/workspaces/${id}/exec`, { command: "echo hello; pwd" })),
  repeat("exec", 50, () =>
    runner.call("POST", `/v1/workspaces/${id}/exec`, { command: ["git", "status", "--short"] }),
  ),
  repeat("watched", 300, watched),
  repeat("watched", 300, watched),
  repeat("flood", 2_000, flood),
  repeat("follow", 500, follow),
  repeat("files", 200, files),
  repeat("refused", 3_000, refused),
  repeat("status", 20, () => runner.call("GET", `/v1/workspaces/${id}/processes`)),
  repeat("overview", 1_000, () => runner.call("GET", "/v1/overview")),
]);

const kinds = await memoryKinds();
process.exitCode = verdict() ? 0 : 1;

/** What the runner's memory is of, by its own metrics. */
async function memoryKinds(): Promise<string> {
  const { authorization } = runner.attachTo("");
  const response = await fetch(`${runner.url}/v1/metrics`, { headers: { authorization } });
  const found = (await response.text()).matchAll(/^berth_memory_bytes\{kind="(\w+)"\} (\d+)/gm);
  return [...found].map(([, kind, bytes]) => `${kind} ${Math.round(Number(bytes) / 1e6)} MB`).join(", ");
}

/** Prints what was seen; true when nothing has grown beyond its limits. */
function verdict(): boolean {
  const third = Math.floor(samples.length / 3);
  const of = (part: readonly Sample[], key: keyof Sample): number => median(part.map((one) => one[key]));
  const [early, late] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const lines: (readonly [what: string, seen: string, fine: boolean])[] = [];
  for (const [what, key] of [
    ["memory of the runner", "runnerBytes"],
    ["memory of the daemon", "daemonBytes"],
  ] as const) {
    const [from, to] = [of(early, key), of(late, key)];
    const fine = to <= Math.max(from * MEMORY_GROWTH.ratio, from + MEMORY_GROWTH.bytes);
    lines.push([what, `${megabytes(from)}, then ${megabytes(to)}`, fine]);
  }
  for (const [what, key] of [
    ["descriptors of the runner", "descriptors"],
    ["descriptors of the daemon", "daemonDescriptors"],
  ] as const) {
    const [from, to] = [of(early, key), of(late, key)];
    lines.push([what, `${from}, then ${to}`, to <= from + DESCRIPTOR_GROWTH]);
  }
  const most = Math.max(...samples.map(({ diskBytes }) => diskBytes));
  lines.push(["disk without the database", `at most ${megabytes(most)}`, most <= DISK_LIMIT_BYTES]);
  const [first, last] = [samples[third], samples.at(-1)];
  const events = (last?.events ?? 0) - (first?.events ?? 0);
  const perEvent = ((last?.databaseBytes ?? 0) - (first?.databaseBytes ?? 0)) / Math.max(1, events);
  // The write-ahead log is a few megabytes, whatever the number of events.
  const fine = perEvent <= EVENT_BYTES || (last?.databaseBytes ?? 0) < 16e6;
  lines.push([
    "database",
    `${megabytes(last?.databaseBytes ?? 0)}, ${perEvent.toFixed(0)} bytes for each of ${events} events`,
    fine,
  ]);
  lines.push(["failures", String(failures.length), failures.length === 0]);
  const work = [...done].map(([kind, count]) => `${count} ${kind}`).join(", ");
  process.stdout.write(`${minutes} minutes: ${work}\nmemory of the runner at the end: ${kinds}\n`);
  for (const [what, seen, isFine] of lines)
    process.stdout.write(`${isFine ? "fine " : "GROWN"}  ${what}: ${seen}\n`);
  for (const failure of failures.slice(0, 10)) process.stdout.write(`       ${failure}\n`);
  const all = lines.every(([, , isFine]) => isFine);
  process.stdout.write(all ? "held\n" : "NOT held\n");
  return all;
}
