import type { CheckReport, CheckStep } from "../../contract/runtime.ts";
import type { ShellPlace } from "./place.ts";
import type { PlaceTools } from "./tools.ts";

interface CheckSource {
  readonly description: string;
  readonly workdir: string;
  /** @throws process.cwd_not_found and the like */
  readonly workdirExists: () => Promise<void>;
  readonly check?:
    | ((options: {
        readonly signal?: AbortSignal;
        readonly onStep: (step: CheckStep) => void;
      }) => Promise<readonly CheckStep[]>)
    | undefined;
}

/** "Test connection": the steps of the way, then the shell, its tools, a command, the workdir, SFTP. Never throws. */
export async function runCheck(
  place: ShellPlace,
  source: CheckSource,
  options: { readonly signal?: AbortSignal; readonly onStep?: (step: CheckStep) => void } = {},
): Promise<CheckReport> {
  const steps: CheckStep[] = [];
  const onStep = (step: CheckStep) => {
    steps.push(step);
    options.onStep?.(step);
  };
  const step = async (
    name: string,
    work: () => Promise<Pick<CheckStep, "detail" | "hint">>,
  ): Promise<boolean> => {
    const startedAt = performance.now();
    try {
      const found = await work();
      onStep({ name, ok: true, durationMs: performance.now() - startedAt, ...found });
      return true;
    } catch (cause) {
      const error = place.explain(cause);
      const { code, message, hint } = error;
      onStep({ name, ok: false, durationMs: performance.now() - startedAt, detail: message, code, hint });
      return false;
    }
  };
  const done = (): CheckReport => ({
    ok: steps.every(({ ok }) => ok),
    runtime: source.description,
    steps,
  });

  if (source.check !== undefined) {
    const reported = await source
      .check({ ...(options.signal && { signal: options.signal }), onStep })
      .catch((error: unknown) => {
        void step("connect", () => Promise.reject(error));
        return [];
      });
    // Steps may be told as they happen, or all at the end.
    for (const one of reported) if (!steps.includes(one)) onStep(one);
    if (steps.some(({ ok }) => !ok)) return done();
  }
  const probed = await step("shell", async () => {
    const tools = await place.tools();
    return { detail: describe(place, tools), ...advice(tools) };
  });
  if (!probed) return done();
  await step("workdir", async () => {
    await source.workdirExists();
    return { detail: `${source.workdir} is there` };
  });
  const { sftp } = place;
  if (sftp !== undefined) {
    await step("files", async () => {
      const usable = await sftp.use(async () => true, options.signal);
      if (usable) return { detail: "large files go by SFTP" };
      const { message, hint } = sftp.missing ?? {};
      return { detail: `files are moved by the shell: ${message}`, ...(hint === undefined ? {} : { hint }) };
    });
  }
  return done();
}

function describe(place: ShellPlace, tools: PlaceTools): string {
  return `${place.shell} on ${tools.os || "an unknown system"} ${tools.arch} as ${tools.user || tools.uid}, HOME ${tools.home}; no daemon`;
}

function advice(tools: PlaceTools): { readonly hint?: string } {
  const missing = [
    ...(tools.tar !== "none" ? [] : ["tar (trees are copied file by file)"]),
    ...(tools.readlink ? [] : ["readlink (links with odd names are not followed)"]),
    ...(tools.launcher === "none" ? ["setsid (only the command itself can be ended, not its children)"] : []),
  ];
  return missing.length === 0 ? {} : { hint: `Missing there: ${missing.join(", ")}.` };
}
