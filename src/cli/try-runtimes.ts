import type { RuntimeConfig } from "../contract/config.ts";
import { toBerthError } from "../contract/errors.ts";
import { availableKinds } from "../runtimes/kinds.ts";
import { openRuntime } from "../runtimes/open.ts";
import { resolveEndpoint } from "../transports/docker/endpoint.ts";
import { createDockerEngine } from "../transports/docker/engine.ts";
import { table, visible } from "./print.ts";
import { Progress } from "./progress.ts";

/** Images that are likely to be there or quick to pull, the smallest first. */
const SMALL_IMAGES = ["busybox", "alpine", "debian", "ubuntu"];
const WARM_RUNS = 20;

export interface Trial {
  readonly runtime: string;
  readonly where?: string;
  /** From nothing to the first command's result. */
  readonly firstMs?: number;
  /** Median of a repeated `true`. */
  readonly warmMs?: number;
  readonly skipped?: string;
  readonly error?: string;
}

/** Runs one real command in every kind of runtime that is there, and says where it ran and how long it took. */
export async function tryRuntimes(print: (line: string) => void): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const kind of await availableKinds()) {
    if (!kind.available) {
      trials.push({ runtime: kind.type, skipped: kind.detail });
      continue;
    }
    if (kind.type === "worktree") {
      trials.push({ runtime: "worktree:", skipped: "for workspaces: berth workspace create NAME makes one" });
      continue;
    }
    if (kind.type === "ssh") {
      trials.push({ runtime: "ssh://", skipped: "whose host? berth check -r ssh://HOST tries yours" });
      continue;
    }
    if (kind.type === "remote") {
      trials.push({ runtime: "runner://", skipped: "whose runner? berth serve starts one" });
      continue;
    }
    const config = kind.type === "local" ? ({ type: "local" } as const) : await imageConfig();
    if (typeof config === "string") trials.push({ runtime: kind.type, skipped: config });
    else trials.push(await tryRuntime(config));
  }
  const rows = trials.map((trial) => [
    trial.runtime,
    trial.firstMs === undefined ? "" : `${Math.round(trial.firstMs)} ms`,
    trial.warmMs === undefined ? "" : `${trial.warmMs.toFixed(1)} ms`,
    visible(trial.where ?? trial.error ?? `skipped: ${trial.skipped}`),
  ]);
  print(`\n${table([["RUNTIME", "FIRST", "WARM", "uname -sr; id -un; pwd"], ...rows])}`);
  return trials;
}

async function tryRuntime(config: RuntimeConfig): Promise<Trial> {
  const name = "image" in config ? `docker-image:${config.image}` : "local:";
  try {
    using progress = new Progress({ quiet: false });
    const startedMs = performance.now();
    await using runtime = await openRuntime(config, { onProgress: (step) => progress.provision(step) });
    const result = await runtime.exec("uname -sr; id -un 2>/dev/null || id -u; pwd");
    const firstMs = performance.now() - startedMs;
    if (result.exitCode !== 0)
      return { runtime: name, error: `exit ${result.exitCode}: ${result.stderr.trim()}` };
    const warm: number[] = [];
    for (let run = 0; run < WARM_RUNS; run++) {
      const beganMs = performance.now();
      await runtime.exec(["true"]);
      warm.push(performance.now() - beganMs);
    }
    warm.sort((a, b) => a - b);
    return {
      runtime: name,
      where: result.stdout.trim().split("\n").join("; "),
      firstMs,
      warmMs: warm[WARM_RUNS >> 1] ?? 0,
    };
  } catch (cause) {
    const error = toBerthError(cause, "client");
    if (error.code === "docker.pull_failed") {
      return { runtime: name, skipped: "the engine has no image and could pull none" };
    }
    return { runtime: name, error: `${error.message} [${error.code}] ${error.hint}` };
  }
}

/** An image that the engine has, the smallest first; else one that it may pull. */
async function imageConfig(): Promise<RuntimeConfig | string> {
  const engine = createDockerEngine(await resolveEndpoint(undefined));
  try {
    const images = await engine.json<{ RepoTags?: string[] | null; Size: number }[]>({
      method: "GET",
      path: "/images/json",
    });
    const tagged = images
      .filter((image) => (image.RepoTags ?? []).some(usable))
      .sort((a, b) => a.Size - b.Size)
      .map((image) => (image.RepoTags ?? []).find(usable) ?? "");
    const known = tagged.find((tag) => SMALL_IMAGES.some((name) => tag.startsWith(`${name}:`)));
    return { type: "docker", image: known ?? tagged[0] ?? `${SMALL_IMAGES[0]}:latest` };
  } catch (cause) {
    return toBerthError(cause, "client").message;
  } finally {
    engine.close();
  }
}

function usable(tag: string): boolean {
  return tag !== "<none>:<none>" && !tag.includes("_berth");
}
