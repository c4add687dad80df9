import { execFileSync } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Desk, desk, type Ran } from "./berth.ts";

/** A desk with a project in git, whose directory has a blank in its name, and commands that run in it. */
export interface WorkspaceDesk extends Desk {
  readonly project: string;
  /** stdout of git in a directory, without its last newline. */
  git(directory: string, ...args: string[]): string;
  write(path: string, text: string): Promise<void>;
  /** The command in the project; `berth workspace` when the first word is "ws". */
  berth(...args: string[]): Promise<Ran>;
  /** The same, which has to succeed: what it printed, and as JSON. */
  ok(...args: string[]): Promise<string>;
  json<T>(...args: string[]): Promise<T>;
}

export async function workspaceDesk(files: Readonly<Record<string, string>> = {}): Promise<WorkspaceDesk> {
  const at = await desk();
  const project = join(at.directory, "my project");
  await mkdir(project);
  const config = join(at.directory, "gitconfig");
  await writeFile(
    config,
    "[user]\n\tname = Dev\n\temail = dev@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n",
  );
  Object.assign(at.env, { GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: "1" });
  const made: WorkspaceDesk = {
    directory: at.directory,
    env: at.env,
    project,
    start: (args, cwd = project) => at.start(args, cwd),
    run: (args, input, cwd = project) => at.run(args, input, cwd),
    git: (directory, ...args) =>
      execFileSync("git", args, { cwd: directory, env: at.env, encoding: "utf8", stdio: "pipe" }).replace(
        /\n$/,
        "",
      ),
    async write(path, text) {
      const full = join(project, path);
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, text);
      if (text.startsWith("#!")) await chmod(full, 0o755);
    },
    berth: (...args) => made.run(args),
    async ok(...args) {
      const ran = await made.run(args);
      if (ran.code !== 0) throw new Error(`berth ${args.join(" ")}: ${ran.code}\n${ran.stdout}${ran.stderr}`);
      return ran.stdout.toString();
    },
    json: async (...args) => JSON.parse(await made.ok(...args, "--json")),
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  };
  for (const [path, text] of Object.entries({ "readme.txt": "a project\n", ...files })) {
    await made.write(path, text);
  }
  made.git(project, "init", "--quiet");
  // Commands in a worktree have the environment of a login on this machine, whose git may know nobody.
  made.git(project, "config", "user.name", "Dev");
  made.git(project, "config", "user.email", "dev@example.com");
  made.git(project, "add", ".");
  made.git(project, "commit", "--quiet", "-m", "first");
  return made;
}
