import * as z from "zod";
import { runtimeConfig, time } from "./common.ts";
import { exitStatus } from "./process-schemas.ts";
import { project } from "./runtimes.ts";

export const initResult = z
  .object({
    started_at: time,
    ended_at: time,
    exit: exitStatus.nullable().describe("null: there was no hook to run."),
    output: z.string(),
    skipped: z.enum(["untrusted"]).optional(),
  })
  .meta({ id: "InitResult" });

export const workspace = z
  .object({
    id: z.string(),
    name: z.string(),
    project,
    branch: z.string(),
    start_commit: z.string().nullable(),
    state: z.enum(["creating", "initializing", "ready", "init_failed", "stopped", "deleting"]),
    runtime: runtimeConfig,
    place: z
      .object({
        path: z.string(),
        base: z.string().nullable(),
        container: z.string().optional(),
        volume: z.string().optional(),
      })
      .nullable(),
    owns_checkout: z.boolean(),
    owns_branch: z.boolean(),
    init: initResult.nullable(),
    forked_from: z.string().nullable(),
    operation: z
      .object({
        kind: z.enum(["create", "init", "fork", "rename", "delete", "stop", "start", "config"]),
        started_at: time,
        pid: z.int(),
        alive: z.boolean(),
      })
      .nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: "Workspace" });

export const workspaceStatus = z
  .object({
    branch: z.string().nullable(),
    head: z.string().nullable(),
    changed: z.array(z.string()),
    untracked: z.array(z.string()),
    stashes: z.array(z.string()),
    unpublished: z.array(z.object({ commit: z.string(), subject: z.string() })),
    under_way: z.string().nullable(),
    problem: z.string().nullable(),
    ahead: z.int().nullable(),
    behind: z.int().nullable(),
  })
  .meta({ id: "WorkspaceStatus", description: "What is in a workspace, and what would be lost with it." });

const lines = z.int().nullable();

export const workspaceChanges = z
  .object({
    base: z.string().nullable().describe("The commit that is compared with; null: there is none yet."),
    files: z
      .array(
        z.object({
          path: z.string(),
          old_path: z.string().nullable().describe("Of a renamed or copied one."),
          status: z.enum([
            "added",
            "modified",
            "deleted",
            "renamed",
            "copied",
            "type_changed",
            "untracked",
            "conflicted",
          ]),
          added: lines.describe("Lines; null of a binary file."),
          deleted: lines,
          binary: z.boolean(),
        }),
      )
      .describe("Sorted by path, at most 10,000."),
    added: z.int().describe("Lines of all files, also of those that are not listed."),
    deleted: z.int(),
    truncated: z.boolean().describe("There are more files than are listed."),
  })
  .meta({ id: "WorkspaceChanges", description: "What a workspace has that a commit has not." });

export const deleteReport = z
  .object({
    workspace,
    removed: z.array(z.string()),
    kept: z.array(z.object({ what: z.string(), reason: z.string() })),
  })
  .meta({ id: "DeleteReport" });

export const pullReport = z
  .object({
    branch: z.string(),
    from: z.string().nullable(),
    to: z.string(),
    commits: z.int(),
    bytes: z.number(),
    ref: z.string(),
  })
  .meta({ id: "PullReport" });
