import type WebSocket from "ws";
import { waitFor } from "../../test/fixtures/process.ts";
import type { Bench } from "../report.ts";
import { ms } from "../report.ts";
import { type ProcessJson, runnerHome, startRunner } from "./runner.ts";

const PROCESSES = 1_000;
const CLIENTS = 200;
const CALLS = 4_000;
const LANES = 4;

/** Status calls while many processes run and many clients are attached to them. */
export async function benchScale(bench: Bench): Promise<void> {
  await using home = await runnerHome();
  const { id } = await home.workspace("one");
  await using runner = await startRunner(home.stateDirectory);
  const ids: string[] = [];
  const sockets: WebSocket[] = [];
  try {
    await inLanes(16, PROCESSES, async (at) => {
      const { body } = await runner.call<ProcessJson>("POST", `/v1/workspaces/${id}/processes`, {
        // Each says something now and then, to whoever is attached.
        command: ["sh", "-c", "while sleep 5; do echo tick; done"],
        detached: true,
      });
      ids[at] = body.id;
    });
    for (let at = 0; at < CLIENTS; at += 1)
      sockets.push(runner.attach(ids[at * (PROCESSES / CLIENTS)] ?? ""));
    let failed = "";
    for (const socket of sockets) {
      socket.on("error", (error) => {
        failed = error.message;
      });
      socket.on("message", () => {});
    }
    await waitFor(
      "all are attached",
      () => failed !== "" || sockets.every(({ readyState, OPEN }) => readyState === OPEN),
    );
    if (failed !== "") throw new Error(`a client could not attach: ${failed}`);
    const times: number[] = [];
    await inLanes(LANES, CALLS, async () => {
      const one = ids[Math.floor(Math.random() * PROCESSES)];
      times.push((await runner.call<ProcessJson>("GET", `/v1/processes/${one}`)).ms);
    });
    times.sort((a, b) => a - b);
    const quantile = (part: number): number => times[Math.floor(times.length * part)] ?? 0;
    const listed = await runner.call("GET", `/v1/workspaces/${id}/processes?limit=1000`);
    bench.report(
      `${PROCESSES.toLocaleString("en")} running processes, ${CLIENTS} attached clients`,
      "p99 ≤ 20 ms for status",
      `p50 ${ms(quantile(0.5))}, p99 ${ms(quantile(0.99))} with ${LANES} at a time; all of them listed in ${ms(listed.ms)}; ${(runner.memory().peak / 1e6).toFixed(0)} MB`,
      quantile(0.99) <= 20,
    );
  } finally {
    for (const socket of sockets) socket.terminate();
    await inLanes(16, ids.length, async (at) => {
      await runner.call("POST", `/v1/processes/${ids[at]}/kill`).catch(() => undefined);
    });
  }
}

/** Runs work a number of times, some of it at once. */
async function inLanes(lanes: number, total: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (next < total) await work(next++);
    }),
  );
}
