import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { GIT_ENVIRONMENT } from "./environment.ts";

/** Nothing of the account's git configuration, and always the same person. */
const ENVIRONMENT = {
  ...GIT_ENVIRONMENT,
  PATH: process.env.PATH ?? "",
  HOME: "/nonexistent",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "dev",
  GIT_AUTHOR_EMAIL: "dev@example.com",
  GIT_COMMITTER_NAME: "dev",
  GIT_COMMITTER_EMAIL: "dev@example.com",
};

/** A directory for a test, removed with it. */
export class Scratch {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "berth-git-")));

  repository(
    name: string,
    options: { readonly bare?: boolean; readonly empty?: boolean } = {},
  ): TestRepository {
    const path = join(this.path, name);
    mkdirSync(path, { recursive: true });
    const repository = new TestRepository(path);
    repository.git("init", "--quiet", "--initial-branch=main", ...(options.bare ? ["--bare"] : []));
    if (!options.bare && !options.empty) repository.commit("first", { "README.md": "hello\n" });
    return repository;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A checkout with real git. */
export class TestRepository {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  git(...args: string[]): string {
    return this.gitBytes(...args)
      .toString("utf8")
      .replace(/\n$/, "");
  }

  gitBytes(...args: string[]): Buffer {
    return execFileSync("git", args, {
      cwd: this.path,
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 64 * 1024 * 1024,
    });
  }

  write(files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  /** Writes files, and commits everything that has changed. Returns the commit. */
  commit(message: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
    this.write(files);
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }

  /** A worktree. */
  worktree(path: string, ...args: string[]): TestRepository {
    this.git("worktree", "add", "--quiet", path, ...args);
    return new TestRepository(path);
  }

  status(): string {
    return this.git("status", "--porcelain", "-z").replaceAll("\0", "\n");
  }

  /** Fails when git finds anything wrong with what is stored. */
  intact(): void {
    assert.equal(this.git("fsck", "--no-dangling", "--no-progress"), "");
  }
}

/** Every file of a checkout, with mode and content. */
export function picture(repository: TestRepository): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(repository.path, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(repository.path.length + 1);
    if (name === ".git" || name.startsWith(".git/") || entry.isDirectory()) continue;
    found[name] = entry.isSymbolicLink()
      ? `link ${readlinkSync(path)}`
      : `${(statSync(path).mode & 0o111) === 0 ? "file" : "program"} ${readFileSync(path, "base64")}`;
  }
  return found;
}
