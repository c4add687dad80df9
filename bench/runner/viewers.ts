import { fork } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "../../test/fixtures/process.ts";
import { median } from "../measure.ts";
import type { Bench } from "../report.ts";
import { type BenchRunner, type ProcessJson, type RunnerHome, runnerHome, startRunner } from "./runner.ts";
import type { Seen, ViewersAsked } from "./viewer-process.ts";

const VIEWERS = 50;
const FULL_BYTES = 400_000_000;
/** 15 MB/s for ten seconds, in lines that are numbered. */
const PACED_BYTES = 150_000_000;
const MAX_MEMORY_BYTES = 250 * 1024 * 1024;

/** One process at full speed with viewers, one of whom reads nothing; and at a speed that all can follow. */
export async function benchViewers(bench: Bench): Promise<void> {
  await using home = await runnerHome();
  const { id } = await home.workspace("one");
  await using runner = await startRunner(home.stateDirectory);
  const turns = bench.quick ? 1 : 3;
  const alone: number[] = [];
  const watched: number[] = [];
  let told = true;
  let gaps = 0;
  for (let turn = -1; turn < turns; turn += 1) {
    const without = await produce(runner, home, id, FULL_BYTES, 0);
    const with50 = await produce(runner, home, id, FULL_BYTES, VIEWERS);
    if (turn < 0) continue;
    alone.push(without.ms);
    watched.push(with50.ms);
    told &&= with50.seen.every((one) => one.ended && one.bytes + one.gapBytes === FULL_BYTES);
    gaps += with50.seen.filter((one) => one.gaps > 0).length;
  }
  const slower = (median(watched) / median(alone) - 1) * 100;
  const { peak } = runner.memory();
  bench.report(
    `One process at full speed, ${VIEWERS} viewers, one of them stalled`,
    "producer ≤ 10 % slower, each exact or told its gap, ≤ 250 MB",
    `${slower.toFixed(0)} % slower (${rate(FULL_BYTES, median(alone))} without, ${rate(FULL_BYTES, median(watched))} with them), ${told ? `each byte sent or told as a gap (${gaps / turns} viewers had one)` : "bytes are missing"}, at most ${megabytes(peak)}`,
    slower <= 10 && told && peak <= MAX_MEMORY_BYTES,
  );
  const paced = await produce(runner, home, id, PACED_BYTES, VIEWERS, true);
  const whole = paced.seen.filter((one) => one.bytes === PACED_BYTES && one.gaps === 0).length;
  const hashes = new Set(paced.seen.flatMap(({ hash }) => hash ?? []));
  bench.report(
    `The same at 15 MB/s, ${VIEWERS} viewers`,
    `all ${VIEWERS} exact`,
    `${whole} of ${VIEWERS}, ${hashes.size === 1 ? "alike" : "not alike"}, in ${(paced.ms / 1000).toFixed(1)} s, at most ${megabytes(runner.memory().peak)}`,
    whole === VIEWERS && hashes.size === 1,
  );
}

/** Starts a producer that waits for its viewers; milliseconds are those of the producer by itself. */
async function produce(
  runner: BenchRunner,
  { directory }: RunnerHome,
  workspace: string,
  bytes: number,
  viewers: number,
  paced = false,
): Promise<{ readonly ms: number; readonly seen: readonly Seen[] }> {
  const mark = join(directory, `go-${Math.random()}`);
  const took = `${mark}.took`;
  const script = `
    const { existsSync, writeFileSync, writeSync } = require("node:fs");
    const wait = setInterval(() => { if (existsSync(${JSON.stringify(mark)})) { clearInterval(wait); begin(); } }, 20);
    function begin() {
      const started = performance.now();
      const done = () => writeFileSync(${JSON.stringify(took)}, String(performance.now() - started));
      const step = ${paced ? 1_500_000 : 1_000_000};
      let sent = 0;
      const next = () => {
        const chunk = Buffer.alloc(Math.min(step, ${bytes} - sent));
        for (let at = 0; at < chunk.length; at += 100) chunk.write(String(sent + at).padStart(20) + "\\n", at);
        sent += chunk.length;
        process.stdout.write(chunk, () => {
          if (sent === ${bytes}) done();
          else if (${paced}) setTimeout(next, Math.max(0, started + sent / 15000 - performance.now()));
          else next();
        });
      };
      next();
    }`;
  const { body } = await runner.call<ProcessJson>("POST", `/v1/workspaces/${workspace}/processes`, {
    command: [process.execPath, "-e", script],
    detached: true,
  });
  const child = viewers === 0 ? undefined : fork(join(import.meta.dirname, "viewer-process.ts"));
  try {
    let attached = 0;
    let seen: readonly Seen[] | undefined = viewers === 0 ? [] : undefined;
    child?.on("message", (message: "attached" | readonly Seen[]) => {
      if (message === "attached") attached += 1;
      else seen = message;
    });
    const { url, authorization } = runner.attachTo(body.id, "role=viewer&from=0");
    child?.send({ url, authorization, viewers, stalled: !paced, hashes: paced } satisfies ViewersAsked);
    await waitFor("all are attached", () => attached === viewers);
    await writeFile(mark, "");
    const ms = Number(
      // A file that is there may have nothing in it yet.
      await waitFor("it has produced all", () =>
        readFile(took, "utf8").then(
          (text) => text || undefined,
          () => undefined,
        ),
      ),
    );
    // The one that stalled reads on at the end, and is told what it has missed.
    child?.send("resume");
    return { ms, seen: await waitFor("all have seen the exit", () => seen, { deadlineMs: 300_000 }) };
  } finally {
    child?.kill();
    await runner.call("POST", `/v1/processes/${body.id}/kill`);
    await waitFor("it is removed", () =>
      runner.call("DELETE", `/v1/processes/${body.id}`).then(
        () => true,
        () => false,
      ),
    );
  }
}

const rate = (bytes: number, ms: number): string => `${(bytes / 1000 / ms).toFixed(0)} MB/s`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
