import { toBerthError } from "../../contract/errors.ts";
import type { CheckReport, CheckStep, Runtime } from "../../contract/runtime.ts";
import type { Link } from "./link.ts";
import type { DaemonRuntimeOptions } from "./options.ts";

type Look = () => Promise<{ readonly detail: string; readonly hint?: string | undefined }>;

interface CheckOptions {
  readonly signal?: AbortSignal;
  readonly onStep?: (step: CheckStep) => void;
}

/** "Test connection": first the way to the daemon, then what it does there. Stops at the first failed step. */
export async function checkRuntime(
  runtime: Runtime,
  link: Link,
  steps: DaemonRuntimeOptions["check"],
  options: CheckOptions,
): Promise<CheckReport> {
  const { signal } = options;
  const done: CheckStep[] = [];
  const add = (step: CheckStep) => {
    done.push(step);
    options.onStep?.(step);
  };
  const report = (): CheckReport => ({
    ok: done.every((step) => step.ok),
    runtime: runtime.description,
    steps: done,
  });
  if (steps !== undefined) {
    const failure = await timed("way to the place", async () => {
      await steps({ ...(signal === undefined ? {} : { signal }), onStep: add });
      return { detail: "" };
    });
    if (!failure.ok) add(failure);
    if (!report().ok) return report();
  }
  const looks: readonly (readonly [string, Look])[] = [
    ["daemon", () => lookAtDaemon(link, signal)],
    ["round trip", () => measureRoundTrip(link, signal)],
    ["command", () => runCommand(runtime, signal)],
    ["files", () => lookAtWorkdir(runtime, signal)],
  ];
  for (const [name, look] of looks) {
    const step = await timed(name, look);
    add(step);
    if (!step.ok) break;
  }
  return report();
}

async function timed(name: string, look: Look): Promise<CheckStep> {
  const start = performance.now();
  const durationMs = () => Math.round((performance.now() - start) * 10) / 10;
  try {
    const { detail, hint } = await look();
    return { name, ok: true, durationMs: durationMs(), detail, hint };
  } catch (cause) {
    const { message, code, hint } = toBerthError(cause, "client");
    return { name, ok: false, durationMs: durationMs(), detail: message, code, hint };
  }
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
