import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { RuntimeConfig } from "../contract/config.ts";
import { toBerthError } from "../contract/errors.ts";
import { resolveEndpoint } from "../transports/docker/endpoint.ts";
import { createDockerEngine } from "../transports/docker/engine.ts";
import { findOpenSsh } from "../transports/ssh/openssh-client.ts";

export interface KindReport {
  readonly type: RuntimeConfig["type"];
  readonly available: boolean;
  /** Where it is, or why it isn't there. */
  readonly detail: string;
  readonly hint?: string;
}

/** The kinds of runtimes and whether this machine offers them. */
export async function availableKinds(): Promise<KindReport[]> {
  return [
    { type: "local", available: true, detail: `${process.platform}-${process.arch}` },
    await worktreeKind(),
    await dockerKind(),
    await sshKind(),
    { type: "remote", available: true, detail: "a workspace of a runner: runner://HOST[:PORT]/WORKSPACE" },
  ];
}

/** Worktrees of this machine's repositories, for workspaces: there where git is. */
async function worktreeKind(): Promise<KindReport> {
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"]);
    return { type: "worktree", available: true, detail: stdout.trim().replace(" version ", " ") };
  } catch {
    return {
      type: "worktree",
      available: false,
      detail: "this machine has no git",
      hint: "Install git.",
    };
  }
}

/** Always there: what this machine's OpenSSH brings, or what is lost without. */
async function sshKind(): Promise<KindReport> {
  const client = await findOpenSsh();
  if (client !== undefined)
    return { type: "ssh", available: true, detail: `${client.version} at ${client.path}` };
  return {
    type: "ssh",
    available: true,
    detail: "built in; without aliases, jump hosts and certificates, as this machine has no ssh",
    hint: "Install OpenSSH's client.",
  };
}

async function dockerKind(): Promise<KindReport> {
  try {
    const endpoint = await resolveEndpoint(undefined);
    const engine = createDockerEngine(endpoint);
    try {
      const version = await engine.json<{ Version?: string; ApiVersion?: string }>({
        method: "GET",
        path: "/version",
        deadlineMs: 5000,
      });
      return {
        type: "docker",
        available: true,
        detail: `engine ${version.Version ?? "?"} (API ${version.ApiVersion ?? "?"}) at ${endpoint.text}`,
      };
    } finally {
      engine.close();
    }
  } catch (cause) {
    const error = toBerthError(cause, "client");
    return { type: "docker", available: false, detail: error.message, hint: error.hint };
  }
}
