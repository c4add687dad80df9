import { median } from "../measure.ts";
import { type Bench, ms } from "../report.ts";
import { copyWorkspaces, fillEvents } from "./history.ts";
import { runnerHome, startRunner } from "./runner.ts";

const WORKSPACES = 1_000;
const EVENTS = 1_000_000;

/** From `berth serve` to the first answer, in a state directory that has seen much. */
export async function benchStart(bench: Bench): Promise<void> {
  await using home = await runnerHome();
  const { id } = await home.workspace("one");
  const empty = await starts(home.stateDirectory, bench.quick ? 3 : 7);
  copyWorkspaces(home.stateDirectory, id, WORKSPACES - 1);
  fillEvents(home.stateDirectory, bench.quick ? EVENTS / 10 : EVENTS);
  // The first start after such a write finds nothing in the page cache that it may keep.
  const full = await starts(home.stateDirectory, bench.quick ? 3 : 7);
  bench.report(
    `Start of the runner with ${WORKSPACES.toLocaleString("en")} workspaces and a million events`,
    "≤ 1 s to the first answer",
    `${ms(full)}; with one workspace and no events ${ms(empty)}`,
    full <= 1000,
  );
}

async function starts(stateDirectory: string, turns: number): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    await using runner = await startRunner(stateDirectory);
    const { body } = await runner.call<{ items: readonly unknown[] }>("GET", "/v1/events?limit=1");
    if (body.items.length > 1) throw new Error("more than was asked for");
    times.push(runner.startMs);
  }
  return median(times);
}
