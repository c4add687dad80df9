import type { CheckSteps } from "../common/check-steps.ts";
import { cannotBeInstalled } from "./no-daemon.ts";
import { type ProbeAnswer, platformOf, stateOf } from "./probe-answer.ts";

export interface CheckPlaceOptions {
  /** Looks at the place. */
  readonly probe: () => Promise<ProbeAnswer>;
  readonly steps: CheckSteps;
  /** What the step is called that shows whether commands run there at all. */
  readonly shellStep: string;
}

/**
 * What the place is and whether a daemon can be there. Where none can be, its reason is said and nothing fails: there
 * is a runtime without one.
 */
export async function checkPlace({ probe, steps, shellStep }: CheckPlaceOptions): Promise<void> {
  const answer = await steps.run(shellStep, probe, ({ shell, account, uid }) => ({
    detail: `${shell || "no shell of its own"}; /bin/sh as ${account || uid} (uid ${uid})`,
  }));
  const lines = [
    ["platform", () => describePlatform(answer)],
    ["space", () => describeState(answer)],
  ] as const;
  for (const [name, look] of lines) {
    await steps.run(
      name,
      () => {
        try {
          return { detail: look() };
        } catch (error) {
          if (!cannotBeInstalled(error)) throw error;
          return { detail: error.message, hint: `It is used without a daemon. ${error.hint}` };
        }
      },
      (found) => found,
    );
  }
  const { running } = answer;
  await steps.run(
    "installation",
    () => running,
    () => ({
      detail:
        running === undefined ? "not running; it is started when needed" : `running in ${running.directory}`,
    }),
  );
}

function describePlatform(answer: ProbeAnswer): string {
  platformOf(answer);
  const { os, arch, libc, node, nodeVersion } = answer;
  const said = nodeVersion === undefined ? "" : ` (${nodeVersion})`;
  const by = node === undefined ? `no usable Node${said}: Berth brings its own` : `Node ${nodeVersion}`;
  return `${os} ${arch}, ${libc === "none" ? "" : `${libc}, `}${by}`;
}

function describeState(answer: ProbeAnswer): string {
  const { state } = stateOf(answer);
  const free = answer.candidates.find(({ path }) => path === state)?.freeKib;
  return `${state}${free === undefined ? "" : `, ${Math.floor(free / 1024)} MiB free`}`;
}
