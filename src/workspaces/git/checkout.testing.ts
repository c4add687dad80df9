import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AddCheckout } from "./checkout.ts";

/** A directory for a test's repositories, with git that knows no configuration but the test's. */
export class Bench implements Disposable {
  readonly directory: string;
  constructor(name = "berth-checkout-") {
    this.directory = realpathSync(mkdtempSync(join(tmpdir(), name)));
  }

  git(cwd: string, ...args: string[]): string {
    const settings = [
      "-c",
      "user.name=dev",
      "-c",
      "user.email=dev@example.com",
      "-c",
      "init.defaultBranch=main",
    ];
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
    return execFileSync("git", [...settings, ...args], {
      cwd,
      env,
      encoding: "utf8",
      stdio: "pipe",
    }).trimEnd();
  }

  /** A repository with one commit, of the files that are given. */
  repository(name: string, files: Readonly<Record<string, string>> = { "a.txt": "a\n" }): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    this.git(path, "init", "-q");
    if (Object.keys(files).length > 0) this.commit(path, "first", files);
    return path;
  }

  commit(path: string, message: string, files: Readonly<Record<string, string>>): string {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(path, name, ".."), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    this.git(path, "add", "-A");
    this.git(path, "commit", "-q", "-m", message);
    return this.git(path, "rev-parse", "HEAD");
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A project with a hard name, and what its next checkout is made of. */
export function project(bench: Bench, files?: Readonly<Record<string, string>>) {
  const root = bench.repository(`it's "a"\n$(project)`, files);
  const commit =
    files !== undefined && Object.keys(files).length === 0 ? null : bench.git(root, "rev-parse", "HEAD");
  const options: AddCheckout = {
    gitDir: join(root, ".git"),
    path: join(bench.directory, "places", "w"),
    branch: "fix/a",
    commit,
    newBranch: true,
    ownsBase: false,
    hooks: false,
  };
  return { root, commit: commit ?? "", options };
}

/** A bare repository of Berth's own, with the project's commits. */
export function ownBase(bench: Bench) {
  const { root, options } = project(bench);
  const base = join(bench.directory, ".base.git");
  bench.git(bench.directory, "clone", "-q", "--bare", root, base);
  return { root, base, options: { ...options, gitDir: base, ownsBase: true } };
}
