import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type WebSocket from "ws";
import { waitFor } from "../../test/fixtures/process.ts";
import { median } from "../measure.ts";
import type { Bench } from "../report.ts";
import { type BenchRunner, type ProcessJson, type RunnerHome, runnerHome, startRunner } from "./runner.ts";

const VIEWERS = 50;
const FULL_BYTES = 400_000_000;
/** 15 MB/s for ten seconds, in lines that are numbered. */
const PACED_BYTES = 150_000_000;
const MAX_MEMORY_BYTES = 250 * 1024 * 1024;

/** What a viewer has got. */
interface Seen {
  bytes: number;
  gaps: number;
  gapBytes: number;
  hash: string | undefined;
  ended: boolean;
  error: string | undefined;
}

/** One process at full speed with viewers, one of whom reads nothing; and at a speed that all can follow. */
export async function benchViewers(bench: Bench): Promise<void> {
  await using home = await runnerHome();
  const { id } = await home.workspace("one");
  await using runner = await startRunner(home.stateDirectory);
  const turns = bench.quick ? 1 : 5;
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
  const seen: Seen[] = [];
  const sockets: WebSocket[] = [];
  try {
    for (let at = 0; at < viewers; at += 1) {
      const stalled = at === 0 && !paced;
      const one: Seen = { bytes: 0, gaps: 0, gapBytes: 0, hash: undefined, ended: false, error: undefined };
      seen.push(one);
      sockets.push(view(runner, body.id, one, { stalled, hashes: paced && at % 10 === 0 }));
    }
    await waitFor("all are attached", () => sockets.every((socket) => socket.readyState === socket.OPEN));
    await writeFile(mark, "");
    const ms = Number(
      await waitFor("it has produced all", () => readFile(took, "utf8").catch(() => undefined)),
    );
    // The one that stalled reads on at the end, and is told what it has missed.
    for (const socket of sockets) socket.resume();
    await waitFor("all have seen the exit", () =>
      seen.every(({ ended, error }) => ended || error !== undefined),
    );
    return { ms, seen };
  } finally {
    for (const socket of sockets) socket.terminate();
    await runner.call("POST", `/v1/processes/${body.id}/kill`);
    await waitFor("it is removed", () =>
      runner.call("DELETE", `/v1/processes/${body.id}`).then(
        () => true,
        () => false,
      ),
    );
  }
}

function view(
  runner: BenchRunner,
  id: string,
  seen: Seen,
  { stalled, hashes }: { readonly stalled: boolean; readonly hashes: boolean },
): WebSocket {
  const socket = runner.attach(id, "role=viewer&from=0");
  const hash = hashes ? createHash("sha256") : undefined;
  socket.on("error", (error) => {
    seen.error = error.message;
  });
  socket.on("close", () => {
    if (!seen.ended) seen.error ??= "closed before its end";
  });
  socket.on("message", (data: Buffer, isBinary) => {
    if (isBinary) {
      seen.bytes += data.length - 1;
      hash?.update(data.subarray(1));
      return;
    }
    const message = JSON.parse(data.toString()) as { type: string; from: number; to: number };
    if (message.type === "attached" && stalled) socket.pause();
    if (message.type === "gap") {
      seen.gaps += 1;
      seen.gapBytes += message.to - message.from;
    }
    if (message.type === "exit") {
      seen.ended = true;
      seen.hash = hash?.digest("hex");
    }
  });
  return socket;
}

const rate = (bytes: number, ms: number): string => `${(bytes / 1000 / ms).toFixed(0)} MB/s`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
