import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { openEventLog } from "../src/events/open.ts";
import { output } from "../test/fixtures/process.ts";
import { timed } from "./measure.ts";
import { type Bench, ms, times } from "./report.ts";
import { fillEvents } from "./runner/history.ts";

const MILLION = 1_000_000;
const RATE = 25_000;
/** Calls at once of those who use the runner meanwhile. */
const LANES = 4;

/** The log of events, beside what one would write with node:sqlite, and beside hashing alone. */
export async function benchEvents(bench: Bench): Promise<void> {
  const parts = [
    ["append", append],
    ["verify", verify],
  ] as const;
  for (const [name, part] of parts) {
    if (!bench.wanted(name)) continue;
    const directory = await mkdtemp(join(tmpdir(), "berth-bench-"));
    try {
      await part(bench, directory);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
}

const count = (value: number): string => Math.round(value).toLocaleString("en");

async function append(bench: Bench, directory: string): Promise<void> {
  const seconds = bench.quick ? 3 : 10;
  const program = join(import.meta.dirname, "events-runner.ts");
  const child = spawn(process.execPath, [program, join(directory, "state"), String(RATE), String(seconds)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const [url = "", tokenFile = ""] = String((await lines.next()).value).split(" ");
    const token = readFileSync(tokenFile, "utf8").trim();
    const agent = new Agent({ keepAlive: true, maxSockets: LANES });
    const call = () => answered(`${url}/v1/workspaces?limit=10`, token, agent);
    for (let warm = 0; warm < 50; warm++) await call();
    child.stdin.write("go\n");
    const took: number[] = [];
    let isDone = false;
    const calling = Promise.all(
      Array.from({ length: LANES }, async () => {
        while (!isDone) {
          took.push(await timed(call));
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      }),
    );
    const { perSecond } = JSON.parse(String((await lines.next()).value)) as { perSecond: number };
    isDone = true;
    await calling;
    agent.destroy();
    child.stdin.write("end\n");
    const p99 = took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
    const plain = await plainInserts(join(directory, "plain.db"), bench.quick ? 500 : 2_000);
    bench.report(
      "Events recorded by a runner, on the disk, while its API is called",
      "≥ 20,000 a second, p99 ≤ 20 ms",
      `${count(perSecond)} a second, p99 ${ms(p99)} of ${count(took.length)} calls; node:sqlite with an insert a commit in the same thread: ${count(plain)} a second, nothing chained`,
      perSecond >= 20_000 && p99 <= 20,
    );
  } finally {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
}

function answered(url: string, token: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once("error", reject);
      response.once("end", () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
    }).once("error", reject);
  });
}

/** Inserts a second as one writes them at first: each its own commit, as durable as Berth's. */
async function plainInserts(path: string, inserts: number): Promise<number> {
  const database = new DatabaseSync(path);
  database.exec("pragma journal_mode = wal; pragma synchronous = full");
  database.exec("create table event (id integer primary key, at text, type text, workspace text, data text)");
  const insert = database.prepare("insert into event (at, type, workspace, data) values (?, ?, ?, ?)");
  const tookMs = await timed(async () => {
    for (let at = 0; at < inserts; at++)
      insert.run(
        new Date().toISOString(),
        "process.exited",
        `w${at % 1_000}`,
        '{"exitCode":0,"signal":null}',
      );
  });
  database.close();
  return inserts / (tookMs / 1_000);
}

async function verify(bench: Bench, directory: string): Promise<void> {
  const stateDirectory = join(directory, "state");
  await mkdir(stateDirectory);
  await (await openEventLog({ stateDirectory, threads: false }))[Symbol.asyncDispose]();
  fillEvents(stateDirectory, MILLION);
  const berth = join(import.meta.dirname, "../test/fixtures/berth-source.ts");
  const env = { ...process.env, BERTH_HOME: stateDirectory, BERTH_DATABASE: "", BERTH_RUNNER: "" };
  const run = (...words: string[]) =>
    timed(() => output([process.execPath, berth, "events", ...words], { env, deadlineMs: 120_000 }));
  const file = join(directory, "events.txt");
  const databaseMs = await run("verify");
  const exportMs = await run("export", "--out", file);
  const fileMs = await run("verify", file);
  const rawMs = await timed(() => output(["sha256sum", file]));
  bench.report(
    "A million events verified, by the command",
    "≤ 8 s",
    `${ms(databaseMs)} in the database, ${ms(fileMs)} in an export (written in ${ms(exportMs)}); \`sha256sum\` of its bytes alone ${ms(rawMs)}, ${times(databaseMs / rawMs)}`,
    databaseMs <= 8_000,
  );
}
