import * as z from "zod";
import { FINGERPRINT } from "../contract/config-ssh.ts";
import {
  CHECK_DESCRIPTION,
  CHECK_RESPONSES,
  errorBody,
  pageOf,
  pageQuery,
  port,
  runtimeChoice,
  time,
} from "./common.ts";
import type { Route } from "./route.ts";

const runtimeKind = z
  .object({
    type: z.string(),
    available: z.boolean(),
    detail: z.string().describe("Version, or why it is not available."),
    hint: z.string().nullable(),
  })
  .meta({ id: "RuntimeKind" });

export const project = z
  .object({ id: z.string(), name: z.string(), path: z.string(), trusted: z.boolean() })
  .meta({ id: "Project", description: "A git repository on the runner's machine." });

const projectOfName = z
  .string()
  .min(1)
  .max(4096)
  .optional()
  .describe("Id or directory: whose berth.yaml has the name.");

export const hostKey = z
  .object({
    host: z.string(),
    key_type: z.string(),
    fingerprint: z.string(),
    file: z.string().describe("The known_hosts file that has it."),
    added: z.boolean().describe("false: it was there already."),
  })
  .meta({ id: "HostKey" });

export const suggestions = z
  .object({
    ssh_hosts: z
      .array(
        z.object({
          name: z.string().describe("What `ssh` and `ssh://` take."),
          hostname: z.string().nullable().describe("null where the configuration does not say."),
          user: z.string().nullable(),
          port: port.nullable(),
        }),
      )
      .describe("Aliases of the ssh configuration of who runs the runner."),
    docker_containers: z
      .array(
        z.object({
          id: z.string(),
          name: z.string(),
          image: z.string(),
          state: z.string().describe('"running", …'),
        }),
      )
      .describe("Those of others; Berth's own are left out."),
    docker_images: z.array(z.object({ reference: z.string(), bytes: z.number(), created_at: time })),
    docker_error: errorBody.nullable().describe("Why the engine was not asked, or did not answer in time."),
    named: z.array(z.object({ name: z.string(), type: z.string() })).describe("Of the project's berth.yaml."),
    named_error: errorBody.nullable().describe("What is wrong with that file."),
  })
  .meta({ id: "RuntimeSuggestions", description: "At most 500 of each." });

export const runtimeRoutes = [
  {
    operationId: "listRuntimes",
    method: "GET",
    path: "/v1/runtimes",
    tag: "runtimes",
    summary: "Types of runtimes, and why one is not available",
    scope: "read",
    responses: { 200: { description: "All types.", schema: z.object({ items: z.array(runtimeKind) }) } },
    errors: [],
  },
  {
    operationId: "checkRuntime",
    place: true,
    method: "POST",
    path: "/v1/runtimes/check",
    tag: "runtimes",
    summary: "Tries whether a runtime can be used, step by step",
    description: CHECK_DESCRIPTION,
    scope: "operate",
    body: z.strictObject({ runtime: runtimeChoice, project: projectOfName }),
    responses: CHECK_RESPONSES,
    errors: ["config.invalid", "runtime.type_unsupported"],
  },
  {
    operationId: "suggestRuntimes",
    method: "GET",
    path: "/v1/runtimes/suggestions",
    tag: "runtimes",
    summary: "Hosts, containers, images and names that a runtime could be made of",
    description:
      "Tells what is on the runner's machine; nothing is connected to but the Docker engine, for at most 3 s.",
    scope: "operate",
    query: z.strictObject({ project: z.string().min(1).max(4096).optional().describe("Id or directory.") }),
    responses: { 200: { description: "What there is.", schema: suggestions } },
    errors: ["workspace.not_a_project"],
  },
  {
    operationId: "trustHostKey",
    method: "POST",
    path: "/v1/ssh/host-keys",
    place: true,
    tag: "runtimes",
    summary: "Records the key of an SSH host as known, when it has this fingerprint",
    description:
      "As `berth ssh trust HOST --fingerprint FINGERPRINT` does, in the known_hosts of who runs the runner. A host that " +
      "shows another key, or whose known key has changed or was revoked, is refused and nothing is recorded.",
    scope: "admin",
    body: z
      .strictObject({
        runtime: runtimeChoice,
        project: projectOfName,
        host: z
          .string()
          .min(1)
          .max(1024)
          .optional()
          .describe(
            "As `host` of the error names it: its own, or one on the way, which the user's own known_hosts is for.",
          ),
        fingerprint: z
          .string()
          .regex(FINGERPRINT, { message: "is SHA256: and 43 letters" })
          .describe("Compared with the host's own by who asks."),
      })
      .meta({
        examples: [
          {
            runtime: { type: "ssh", host: "dev@box" },
            fingerprint: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
          },
        ],
      }),
    responses: { 200: { description: "The key that is known.", schema: hostKey } },
    errors: ["config.invalid", "ssh.host_key_unknown", "ssh.host_key_changed", "ssh.host_key_revoked"],
  },
  {
    operationId: "listProjects",
    method: "GET",
    path: "/v1/projects",
    tag: "projects",
    summary: "Projects that had a workspace, or were trusted",
    scope: "read",
    query: z.strictObject({ ...pageQuery }),
    responses: { 200: { description: "A page of them.", schema: pageOf(project) } },
    errors: [],
  },
  {
    operationId: "trustProject",
    method: "PUT",
    path: "/v1/projects/{project}/trust",
    tag: "projects",
    summary: "Lets the hooks of a project run, or not any more",
    scope: "admin",
    params: z.strictObject({ project: z.string().min(1).max(4096).describe("Id, or directory.") }),
    body: z.strictObject({ trusted: z.boolean() }),
    responses: { 200: { description: "The project.", schema: project } },
    errors: ["workspace.not_a_project"],
  },
] as const satisfies readonly Route[];
