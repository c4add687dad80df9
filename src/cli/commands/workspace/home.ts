import { type Command, Option } from "commander";
import type { DiffOptions, PullReport } from "../../../workspaces/api.ts";
import { usageError } from "../../errors.ts";
import { formatBytes, printJson, visible, writeAll } from "../../print.ts";
import { type WorkspaceFlags, working } from "../../workspaces.ts";
import { addWorkOptions } from "./lifecycle.ts";

interface DiffFlags extends WorkspaceFlags {
  readonly base?: string;
  readonly stat?: boolean;
  readonly nameStatus?: boolean;
}

/** What brings work from a workspace home, and back. */
export function addHomeWords(workspace: Command): void {
  addWorkOptions(
    workspace
      .command("pull")
      .description("bring the commits of a workspace into the project's repository, on its branch there")
      .argument("<workspace>"),
  ).action(async (name: string, flags: WorkspaceFlags) => {
    const report = await working(flags, (workspaces, options) => workspaces.pull(name, options));
    if (flags.json) printJson(report);
    else process.stdout.write(rendered(report));
  });
  addWorkOptions(
    workspace
      .command("push")
      .description("bring commits of the project's repository into a workspace")
      .argument("<workspace>")
      .option("-b, --branch <branch>", "the branch to bring; default: that of the workspace"),
  ).action(async (name: string, flags: WorkspaceFlags & { branch?: string }) => {
    const branch = flags.branch === undefined ? {} : { branch: flags.branch };
    const report = await working(flags, (workspaces, options) =>
      workspaces.push(name, { ...options, ...branch }),
    );
    if (flags.json) printJson(report);
    else process.stdout.write(rendered(report));
  });
  workspace
    .command("diff")
    .description(
      "print what was changed in a workspace since its branch left trunk, uncommitted changes included",
    )
    .argument("<workspace>")
    .argument("[paths...]", "only these, after --")
    .option("--base <base>", "compare with: trunk, head (only what is not committed), or a commit", "trunk")
    .option("--stat", "only how much changed in which files")
    .addOption(new Option("--name-status", "only which files changed, and how").conflicts("stat"))
    .option("-q, --quiet", "no progress and no questions on the terminal")
    .action(async (name: string, paths: string[], flags: DiffFlags) => {
      const format = flags.stat ? "stat" : flags.nameStatus ? "name-status" : "patch";
      await working(flags, (workspaces, options) =>
        print(workspaces.diff(name, { ...options, ...diffOptions(flags, format, paths) })),
      );
    });
  addWorkOptions(
    workspace
      .command("apply")
      .description("the uncommitted changes of a workspace, as a patch on the project's checkout here")
      .argument("<workspace>")
      .option("--dry-run", "only see whether it fits"),
  ).action(async (name: string, flags: WorkspaceFlags & { dryRun?: boolean }) => {
    const dryRun = flags.dryRun ?? false;
    const { files } = await working(flags, (workspaces, options) =>
      workspaces.apply(name, { ...options, dryRun }),
    );
    if (flags.json) printJson({ files, applied: !dryRun });
    else if (files.length === 0) process.stderr.write(`${name} has no uncommitted changes.\n`);
    else process.stdout.write(files.map((file) => `${visible(file)}\n`).join(""));
  });
}

function diffOptions(
  flags: DiffFlags,
  format: NonNullable<DiffOptions["format"]>,
  paths: readonly string[],
): DiffOptions {
  if (flags.base === "") throw usageError("--base is empty", "Give trunk, head or a commit.");
  return {
    format,
    ...(flags.base === undefined ? {} : { base: flags.base }),
    ...(paths.length === 0 ? {} : { paths }),
  };
}

async function print(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) await writeAll(process.stdout, chunk);
}

function rendered({ branch, from, to, commits, bytes, ref }: PullReport): string {
  const name = visible(branch);
  if (from === to) return `${name}: nothing new, at ${to.slice(0, 10)}\n`;
  const count = `${commits} ${commits === 1 ? "commit" : "commits"}`;
  const range = from === null ? `new, at ${to.slice(0, 10)}` : `${from.slice(0, 10)}..${to.slice(0, 10)}`;
  const where = ref === `refs/heads/${branch}` ? "" : `, at ${visible(ref)}`;
  return `${name}: ${count}, ${range}${where} (${formatBytes(bytes)})\n`;
}
