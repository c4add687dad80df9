import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import type { Case, Place } from "./case.ts";
import { PLACES, type PlaceName } from "./places.ts";
import { type Outcome, writeRecord } from "./record.ts";
import { CASES } from "./registry.ts";
import { assertCapabilities, runCase } from "./run-case.ts";
import { asOrdinaryUser } from "./worker-client.ts";

/** Cases of one place that run at once. */
const CONCURRENCY = 6;
/** Of one case. */
const CASE_TIMEOUT_MS = 90_000;
const PLACE_TIMEOUT_MS = 540_000;

/** Cases whose id matches BERTH_CASES (a regular expression), for work on one of them; all without it. */
function selected(): readonly Case[] {
  const pattern = process.env.BERTH_CASES;
  return pattern ? CASES.filter(({ id }) => new RegExp(pattern).test(id)) : CASES;
}

/** Runs the whole registry in a place, one subtest for each case, and writes the record. */
export function conformance(name: PlaceName): void {
  const recipe = PLACES[name];
  test(`conformance: ${recipe.title}`, { timeout: PLACE_TIMEOUT_MS, concurrency: CONCURRENCY }, async (t) => {
    await using stack = new AsyncDisposableStack();
    if (recipe.asUser) {
      const worker = await requireOrSkip(t, async () => {
        await recipe.prepare?.();
        return asOrdinaryUser(name, selected(), CONCURRENCY);
      });
      if (worker === undefined) return;
      stack.use(worker);
      await t.test("capabilities", () => assertCapabilities({ ...worker.place } as Place, recipe.expects));
      await report(t, name, worker.place.runtime, (one) => worker.outcome(one.id));
    } else {
      const place = await requireOrSkip(t, () => recipe.make(stack));
      if (place === undefined) return;
      await t.test("capabilities", () => assertCapabilities(place, recipe.expects));
      await report(t, name, place.runtime, (one) => runCase(one, place));
    }
  });
}

async function report(
  t: TestContext,
  name: PlaceName,
  runtime: Pick<Place["runtime"], "capabilities">,
  outcomeOf: (one: Case) => Promise<Outcome>,
): Promise<void> {
  const outcomes: Record<string, Outcome> = {};
  const runOne = (one: Case) =>
    t.test(`${one.id}: ${one.title}`, { timeout: CASE_TIMEOUT_MS }, async () => {
      outcomes[one.id] = "failed";
      const outcome = await outcomeOf(one);
      assert.notEqual(outcome, "failed");
      outcomes[one.id] = outcome;
    });
  const cases = selected();
  await Promise.all(cases.filter((one) => !one.alone).map(runOne));
  for (const one of cases.filter(({ alone }) => alone)) await runOne(one);
  if (cases.length === CASES.length) {
    const sorted = Object.fromEntries(Object.entries(outcomes).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeRecord({ place: name, capabilities: runtime.capabilities, cases: sorted });
  }
}
