import * as z from "zod";
import {
  CHECK_DESCRIPTION,
  CHECK_RESPONSES,
  pageOf,
  pageQuery,
  path,
  runtimeChoice,
  runtimeConfig,
  waitQuery,
  workspaceParams,
} from "./common.ts";
import { operation } from "./operations.ts";
import type { Route } from "./route.ts";
import { workspace, workspaceChanges, workspaceStatus } from "./workspace-schemas.ts";

const name = z.string().min(1).max(255);
const branch = z.string().min(1).max(255);
const maxWait = {
  max_wait_ms: z
    .int()
    .min(0)
    .max(600_000)
    .optional()
    .describe("Wait so long for a host that does not let in now and may soon. Default 30,000."),
};
const wait = z.strictObject({ ...waitQuery });

const diffBase = z.string().min(1).max(255).default("trunk").describe('"trunk", "head", or a commit.');

/** Answers of what takes a while. */
const OPERATION = {
  200: { description: "It ended within `wait_ms`; how is in the operation.", schema: operation },
  202: { description: "It goes on.", schema: operation },
} as const;
/** What a configuration, or its name, may be refused with. */
const CONFIG_ERRORS = ["config.invalid", "config.unknown_runtime", "runtime.type_unsupported"] as const;
const COMMON = ["workspace.busy", "workspace.interrupted"] as const;

export const workspaceRoutes = [
  {
    operationId: "listWorkspaces",
    method: "GET",
    path: "/v1/workspaces",
    tag: "workspaces",
    summary: "Workspaces",
    scope: "read",
    query: z.strictObject({
      ...pageQuery,
      project: z.string().min(1).max(4096).optional().describe("Id or directory of a project."),
    }),
    responses: { 200: { description: "A page of them.", schema: pageOf(workspace) } },
    errors: ["workspace.not_a_project"],
  },
  {
    operationId: "createWorkspace",
    method: "POST",
    path: "/v1/workspaces",
    tag: "workspaces",
    summary: "Makes a workspace and runs its set-up",
    scope: "operate",
    query: wait,
    body: z
      .strictObject({
        name,
        project: z.string().min(1).max(4096).describe("Id, or directory on the runner's machine."),
        runtime: runtimeChoice.optional().describe("Default: that of berth.yaml, else a worktree."),
        branch: branch.optional(),
        start: z.string().min(1).max(255).optional().describe("What a new branch starts at. Default: trunk."),
        changes: z
          .boolean()
          .optional()
          .describe("Uncommitted changes of the project travel too. Default false."),
        existing: path.optional().describe("A checkout that is in the place already."),
        trust: z
          .boolean()
          .optional()
          .describe("The project's hooks may run from now on; needs the scope admin."),
        skip_init: z.boolean().optional(),
        ...maxWait,
      })
      .meta({ examples: [{ name: "fix-login", project: "/home/me/shop", runtime: "ssh://dev@box" }] }),
    responses: OPERATION,
    errors: ["workspace.not_a_project", "workspace.name_invalid", "workspace.name_taken", ...CONFIG_ERRORS],
    idempotent: true,
  },
  {
    operationId: "getWorkspace",
    method: "GET",
    path: "/v1/workspaces/{workspace}",
    tag: "workspaces",
    summary: "A workspace",
    scope: "read",
    params: workspaceParams,
    responses: { 200: { description: "As it is now.", schema: workspace } },
    errors: [],
  },
  {
    operationId: "deleteWorkspace",
    method: "DELETE",
    path: "/v1/workspaces/{workspace}",
    tag: "workspaces",
    summary: "Removes a workspace; refused when work would be lost",
    scope: "operate",
    params: workspaceParams,
    query: z.strictObject({
      ...waitQuery,
      force: z.boolean().default(false).describe("Also when work would be lost."),
      keep_branch: z.boolean().default(false),
    }),
    responses: OPERATION,
    errors: COMMON,
    idempotent: true,
  },
  {
    operationId: "initWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/init",
    tag: "workspaces",
    summary: "Repeats the set-up",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    responses: OPERATION,
    errors: [...COMMON, "workspace.init_running"],
    idempotent: true,
  },
  {
    operationId: "forkWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/fork",
    tag: "workspaces",
    summary: "Makes a workspace of another one",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    body: z.strictObject({
      name,
      branch: branch.optional(),
      runtime: runtimeChoice.optional().describe("Default: that of the workspace."),
      changes: z.boolean().optional().describe("Uncommitted state travels too. Default true."),
      skip_init: z.boolean().optional(),
      ...maxWait,
    }),
    responses: OPERATION,
    errors: [...COMMON, "workspace.name_invalid", "workspace.name_taken", ...CONFIG_ERRORS],
    idempotent: true,
  },
  {
    operationId: "renameWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/rename",
    tag: "workspaces",
    summary: "Gives it another name; its branch keeps its own",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    body: z.strictObject({ name }),
    responses: OPERATION,
    errors: [...COMMON, "workspace.name_invalid", "workspace.name_taken"],
    idempotent: true,
  },
  {
    operationId: "stopWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/stop",
    tag: "workspaces",
    summary: "Stops the container that Berth made for it",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    responses: OPERATION,
    errors: [...COMMON, "workspace.not_stoppable"],
    idempotent: true,
  },
  {
    operationId: "startWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/start",
    tag: "workspaces",
    summary: "Starts a stopped one",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    responses: OPERATION,
    errors: [...COMMON, "workspace.not_stoppable"],
    idempotent: true,
  },
  {
    operationId: "pullWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/pull",
    tag: "workspaces",
    summary: "Its commits into the project's repository",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    responses: OPERATION,
    errors: COMMON,
    idempotent: true,
  },
  {
    operationId: "pushWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/push",
    tag: "workspaces",
    summary: "The project's commits into the workspace",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    body: z.strictObject({ branch: branch.optional() }).prefault({}),
    responses: OPERATION,
    errors: COMMON,
    idempotent: true,
  },
  {
    operationId: "applyWorkspace",
    method: "POST",
    path: "/v1/workspaces/{workspace}/apply",
    tag: "workspaces",
    summary: "Its uncommitted work as a patch on the project's checkout",
    scope: "operate",
    params: workspaceParams,
    query: wait,
    body: z.strictObject({ dry_run: z.boolean().optional() }).prefault({}),
    responses: OPERATION,
    errors: COMMON,
    idempotent: true,
  },
  {
    operationId: "workspaceStatus",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/status",
    tag: "workspaces",
    summary: "What is in it, and what would be lost with it",
    scope: "read",
    params: workspaceParams,
    responses: { 200: { description: "As it is now.", schema: workspaceStatus } },
    errors: COMMON,
  },
  {
    operationId: "workspaceDiff",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/diff",
    tag: "workspaces",
    summary: "What was changed in it, as git prints it",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({
      base: diffBase,
      format: z.enum(["patch", "stat", "name-status"]).default("patch"),
      path: z.array(path).max(1000).optional().describe("Only these."),
    }),
    responses: { 200: { description: "The diff.", contentType: "text/x-diff" } },
    errors: [...COMMON, "workspace.start_unknown", "workspace.missing"],
  },
  {
    operationId: "workspaceChanges",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/changes",
    tag: "workspaces",
    summary: "Which files were changed in it, and by how many lines",
    description: "The files of `GET …/diff` with the same base, untracked ones included.",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({ base: diffBase }),
    responses: { 200: { description: "As it is now.", schema: workspaceChanges } },
    errors: [...COMMON, "workspace.start_unknown", "workspace.missing"],
  },
  {
    operationId: "getConfig",
    method: "GET",
    path: "/v1/workspaces/{workspace}/config",
    tag: "workspaces",
    summary: "The configuration of its runtime; values of its environment are masked",
    scope: "read",
    params: workspaceParams,
    responses: { 200: { description: "The configuration.", schema: runtimeConfig } },
    errors: [],
  },
  {
    operationId: "setConfig",
    place: true,
    method: "PATCH",
    path: "/v1/workspaces/{workspace}/config",
    tag: "workspaces",
    summary: "Changes fields of the configuration; null removes one",
    scope: "operate",
    params: workspaceParams,
    body: z
      .record(z.string().min(1).max(64), z.unknown())
      .meta({ description: "Fields as in berth.yaml.", examples: [{ workdir: "packages/web" }] }),
    responses: { 200: { description: "The configuration.", schema: runtimeConfig } },
    errors: [...COMMON, "config.invalid", "workspace.config_immutable"],
  },
  {
    operationId: "checkWorkspace",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/check",
    tag: "workspaces",
    summary: "Tries whether its place can be used, step by step",
    scope: "operate",
    params: workspaceParams,
    description: CHECK_DESCRIPTION,
    responses: CHECK_RESPONSES,
    errors: [],
  },
] as const satisfies readonly Route[];
