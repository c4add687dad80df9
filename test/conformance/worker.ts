// Runs cases in one place and tells the outcomes as lines of JSON: node worker.ts PLACE CONCURRENCY ID,ID,…
import { inspect } from "node:util";
import { PLACES, type PlaceName } from "./places.ts";
import { CASES } from "./registry.ts";
import { runCase } from "./run-case.ts";
import type { WorkerLine } from "./worker-client.ts";

const CASE_TIMEOUT_MS = 80_000;

function tell(line: WorkerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A case that hangs must not keep those behind it. */
async function withDeadline<T>(running: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${CASE_TIMEOUT_MS} ms`)), CASE_TIMEOUT_MS);
  });
  return Promise.race([running, late]).finally(() => clearTimeout(timer));
}

async function main([name, concurrency, ids]: string[]): Promise<void> {
  const asked = new Set(ids?.split(","));
  const cases = CASES.filter(({ id }) => asked.has(id));
  const inputEnd = new Promise<void>((resolve) => {
    process.stdin.resume().once("end", resolve);
  });
  await using stack = new AsyncDisposableStack();
  const place = await PLACES[name as PlaceName].make(stack);
  tell({ type: "ready", capabilities: place.runtime.capabilities });

  async function runAll(queue: (typeof CASES)[number][]): Promise<void> {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const { id } = one;
      await withDeadline(runCase(one, place)).then(
        (outcome) => tell({ type: "outcome", id, outcome }),
        (error: unknown) => tell({ type: "outcome", id, outcome: "failed", error: inspect(error) }),
      );
    }
  }

  const together = cases.filter(({ alone }) => !alone);
  await Promise.all(Array.from({ length: Number(concurrency) }, () => runAll(together)));
  await runAll(cases.filter(({ alone }) => alone));
  tell({ type: "done" });
  await inputEnd;
}

await main(process.argv.slice(2));
// What a failed case may have left open must not keep this process.
process.exit(0);
