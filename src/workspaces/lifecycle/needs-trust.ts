import { relative } from "node:path";
import type { RuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { resolveRuntime } from "../../runtimes/open.ts";
import type { ProjectFacts } from "../git/project.ts";

/**
 * Refuses a place of the project's own berth.yaml that would run programs of the project's choice on this machine, or let
 * the place get at this machine or its secrets, as long as the project is not trusted. A berth.yaml above the project is
 * the user's own.
 * @param asked the name or configuration that the place was asked for by
 * @throws workspace.not_trusted
 */
export async function assertTrusted(
  asked: RuntimeConfig | string | undefined,
  config: RuntimeConfig,
  options: {
    readonly trusted: boolean;
    readonly facts: Pick<ProjectFacts, "root">;
    readonly directory: string;
  },
): Promise<void> {
  const [field] = fieldsOf(config);
  if (options.trusted || field === undefined) return;
  const { file, name } = await resolveRuntime(asked, { projectDirectory: options.directory });
  if (file === undefined || relative(options.facts.root, file).startsWith("../")) return;
  throw berthError("workspace.not_trusted", { context: { name, file, field } });
}

/** Fields that name programs or secrets of this machine, or open it to the place. */
function fieldsOf(config: RuntimeConfig): string[] {
  const fields: Record<string, unknown> = { ...config };
  const opening = ["password", "passphrase", "configFile", "forwardAgent", "mounts"];
  // On this machine, a variable can make a program of anything: PATH, LD_PRELOAD, GIT_EXTERNAL_DIFF.
  if (config.type === "worktree" || config.type === "local") opening.push("env");
  const found = opening.filter((field) => fields[field] !== undefined && fields[field] !== false);
  return fields.network === "host" ? [...found, "network"] : found;
}
