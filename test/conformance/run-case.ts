import assert from "node:assert/strict";
import { has, refusedEverywhere } from "./capability.ts";
import type { Case, CaseContext, Place } from "./case.ts";
import type { Outcome } from "./record.ts";

let directories = 0;

/** Runs one case in a place, or what has to hold there instead. Throws when it fails. */
export async function runCase(conformanceCase: Case, place: Place): Promise<Exclude<Outcome, "failed">> {
  await using stack = new AsyncDisposableStack();
  let directory: Promise<string> | undefined;
  const context: CaseContext = {
    place,
    runtime: place.runtime,
    directory: () => {
      directory ??= makeDirectory(conformanceCase, place);
      return directory;
    },
    open: async (options) => stack.use(await place.open(options)),
    defer: (action) => {
      stack.defer(async () => void (await action()));
    },
  };
  const { capabilities } = place.runtime;
  const missing = (conformanceCase.needs ?? []).filter((name) => !has(capabilities, name));
  if (missing.length > 0) {
    for (const name of missing) await refusedEverywhere(context, name);
    return "refused";
  }
  if ((conformanceCase.only ?? []).some((fact) => !place.facts[fact])) return "not-applicable";
  await conformanceCase.run(context);
  return "passed";
}

async function makeDirectory({ id }: Case, place: Place): Promise<string> {
  const path = `${place.runtime.workdir}/${id.replaceAll(/[^a-z0-9]/g, "-")}-${process.pid}-${directories++}`;
  await place.runtime.fs.mkdir(path, { recursive: true });
  return path;
}

/** Fails unless the place can exactly what its recipe says. */
export function assertCapabilities(place: Place, expects: Readonly<Record<string, unknown>>): void {
  const { reasons: _reasons, ...capabilities } = place.runtime.capabilities;
  assert.deepEqual(capabilities, expects, `capabilities of ${place.name}`);
}
