import type { CheckOptions, CheckReport, Runtime } from "../../contract/runtime.ts";
import { CheckSteps, StepFailed, type StepFinding } from "../common/check-steps.ts";
import type { Link } from "./link.ts";
import type { DaemonRuntimeOptions } from "./options.ts";

type Look = () => Promise<StepFinding>;

/** "Test connection": first the way to the daemon, then what it does there. Stops at the first failed step. */
export async function checkRuntime(
  runtime: Runtime,
  link: Link,
  way: DaemonRuntimeOptions["check"],
  options: CheckOptions,
): Promise<CheckReport> {
  const { signal } = options;
  const steps = new CheckSteps(options);
  const looks: readonly (readonly [string, Look])[] = [
    ["daemon", () => lookAtDaemon(link, signal)],
    ["round trip", () => measureRoundTrip(link, signal)],
    ["command", () => runCommand(runtime, signal)],
    ["files", () => lookAtWorkdir(runtime, signal)],
  ];
  try {
    await way?.(steps, signal);
    for (const [name, look] of looks) await steps.run(name, look, (found) => found);
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return { ok: steps.ok, runtime: runtime.description, steps: steps.done };
}

async function lookAtDaemon(link: Link, signal: AbortSignal | undefined) {
  const result = await link.call("daemon.info", {}, { signal, repeatable: true });
  const info = (result ?? {}) as { version?: unknown; pid?: unknown };
  return { detail: `version ${String(info.version)}, pid ${String(info.pid)}` };
}

const ROUND_TRIPS = 5;

/** The shortest of a few: the rest is what else goes on. */
async function measureRoundTrip(link: Link, signal: AbortSignal | undefined) {
  let shortest = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < ROUND_TRIPS; turn++) {
    const start = performance.now();
    await link.call("daemon.info", {}, { signal, repeatable: true });
    shortest = Math.min(shortest, performance.now() - start);
  }
  return { detail: `a request takes ${shortest.toFixed(1)} ms` };
}

async function runCommand(runtime: Runtime, signal: AbortSignal | undefined) {
  const result = await runtime.exec(["sh", "-c", "true"], {
    timeoutMs: 10_000,
    ...(signal === undefined ? {} : { signal }),
  });
  if (result.exitCode === 0)
    return { detail: `sh -c true took ${result.durationMs} ms in ${runtime.workdir}` };
  return {
    detail: `sh -c true ended with ${result.signal ?? `exit code ${result.exitCode}`}`,
    hint: "A shell there does not work as it should.",
  };
}

async function lookAtWorkdir(runtime: Runtime, signal: AbortSignal | undefined) {
  const entries = await runtime.fs.readdir(runtime.workdir, signal === undefined ? {} : { signal });
  return { detail: `${runtime.workdir} has ${entries.length} entries` };
}
