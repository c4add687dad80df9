import type { CheckOptions, CheckReport } from "../../contract/runtime.ts";
import { CheckSteps, type CheckWay, StepFailed, type StepFinding } from "../common/check-steps.ts";
import type { ShellPlace } from "./place.ts";
import type { PlaceTools } from "./tools.ts";

interface CheckSource {
  readonly description: string;
  readonly workdir: string;
  /** @throws process.cwd_not_found and the like */
  readonly workdirExists: () => Promise<void>;
  readonly check?: CheckWay | undefined;
}

/** "Test connection": the steps of the way, then the shell, its tools, a command, the workdir, SFTP. Never throws. */
export async function runCheck(
  place: ShellPlace,
  source: CheckSource,
  options: CheckOptions = {},
): Promise<CheckReport> {
  const { signal } = options;
  const steps = new CheckSteps(options);
  const look = async (name: string, work: () => Promise<StepFinding>): Promise<void> => {
    const explained = (cause: unknown): never => {
      throw place.explain(cause);
    };
    await steps.run(
      name,
      () => work().catch(explained),
      (found) => found,
    );
  };
  try {
    await source.check?.(steps, signal);
    await look("shell", async () => {
      const tools = await place.tools();
      return { detail: describe(place, tools), ...advice(tools) };
    });
    await look("workdir", async () => {
      await source.workdirExists();
      return { detail: `${source.workdir} is there` };
    });
    const { sftp } = place;
    if (sftp !== undefined) {
      await look("files", async () => {
        const usable = await sftp.use(async () => true, signal);
        if (usable) return { detail: "large files go by SFTP" };
        const { message, hint } = sftp.missing ?? {};
        return { detail: `files are moved by the shell: ${message}`, hint };
      });
    }
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return { ok: steps.ok, runtime: source.description, steps: steps.done };
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
