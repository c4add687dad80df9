import * as z from "zod";
import { idParams, pageOf, pageQuery, port, workspaceParams } from "./common.ts";
import {
  commandFields,
  encoding,
  exitStatus,
  outputFileFields,
  process,
  ttySize,
} from "./process-schemas.ts";
import type { Route } from "./route.ts";

const START_ERRORS = [
  "process.not_found",
  "process.permission_denied",
  "process.cwd_not_found",
  "process.cwd_not_accessible",
  "process.interpreter_not_found",
  "process.arguments_too_long",
  "process.env_invalid",
  "process.argument_invalid",
  "process.user_not_found",
  "process.user_not_permitted",
  "process.spawn_failed",
  "process.log_directory_unusable",
  "process.limit",
] as const;
const KNOWN = ["process.unknown", "process.reaped", "process.lost"] as const;
const LIVE = [...KNOWN, "process.finished", "process.reaping"] as const;

const processName = z.string().min(1).max(64);

const listQuery = { ...pageQuery, state: z.enum(["running", "exited", "lost"]).optional() };

const outputChunk = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("data"),
      stream: z.enum(["stdout", "stderr", "tty"]),
      data: z.string(),
      cursor: z.int().describe("Output bytes since the start, this chunk included."),
    }),
    z.object({ type: z.literal("gap"), from: z.int(), to: z.int().describe("Exclusive.") }),
  ])
  .meta({ id: "OutputChunk" });

export const processOutput = z
  .object({
    chunks: z.array(outputChunk),
    encoding: z.enum(["text", "base64"]),
    cursor: z.int().describe("`from` of the next call."),
    exit: exitStatus.nullable().describe("Once it has ended and everything before has been read."),
  })
  .meta({ id: "ProcessOutput" });

const execResult = z
  .object({
    ...exitStatus.shape,
    encoding: z.enum(["text", "base64"]),
    stdout: z.string(),
    stderr: z.string(),
    output_bytes: z.int().describe("Written in all, also what was not captured."),
    truncated: z.boolean(),
    process_id: z.string(),
    ...outputFileFields,
  })
  .meta({ id: "ExecResult" });

export const processRoutes = [
  {
    operationId: "startProcess",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/processes",
    tag: "processes",
    summary: "Starts a command",
    description:
      "With the name of a live process: the same command returns that one, another is process.name_conflict.",
    scope: "operate",
    params: workspaceParams,
    body: z
      .strictObject({
        ...commandFields,
        name: processName.optional(),
        stdin: z.enum(["pipe", "ignore"]).optional().describe("Default ignore: /dev/null."),
        tty: z.union([z.boolean(), ttySize]).optional().describe("true is 80 × 24."),
        detached: z.boolean().optional().describe("Runs until it ends; else it has a lease. Default false."),
        lease_ms: z.int().min(1).optional().describe("Default 30 minutes, with a tty 3 hours."),
      })
      .meta({ examples: [{ command: ["npm", "run", "dev"], name: "dev", detached: true }] }),
    responses: { 201: { description: "It runs.", schema: process } },
    errors: [...START_ERRORS, "process.name_conflict", "process.name_invalid"],
    idempotent: true,
  },
  {
    operationId: "startShell",
    place: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/shells",
    tag: "processes",
    summary: "Starts the user's shell in a terminal",
    description: "The shell that the place's user has. With a name as in startProcess.",
    scope: "operate",
    params: workspaceParams,
    body: z
      .strictObject({
        login: z.boolean().default(true).describe("It reads the profile, as at a login."),
        cwd: commandFields.cwd,
        env: commandFields.env,
        user: commandFields.user,
        name: processName.optional(),
        tty: ttySize.optional().describe("Default 80 × 24."),
        detached: z.boolean().optional().describe("Runs until it ends; else it has a lease. Default false."),
        lease_ms: z.int().min(1).optional().describe("Default 3 hours."),
      })
      .meta({ examples: [{ name: "shell", tty: { columns: 120, rows: 40 }, detached: true }] }),
    responses: { 201: { description: "It runs.", schema: process } },
    errors: [...START_ERRORS, "process.name_conflict", "process.name_invalid"],
    idempotent: true,
  },
  {
    operationId: "listProcesses",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/processes",
    tag: "processes",
    summary: "Processes of a workspace",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject(listQuery),
    responses: { 200: { description: "A page of them.", schema: pageOf(process) } },
    errors: [],
  },
  {
    operationId: "listAllProcesses",
    method: "GET",
    path: "/v1/processes",
    tag: "processes",
    summary: "Processes of all workspaces whose place answers",
    scope: "read",
    query: z.strictObject(listQuery),
    responses: {
      200: {
        description: "A page of them, and which workspaces could not be asked.",
        schema: pageOf(process).extend({
          unavailable: z.array(z.object({ workspace: z.string(), code: z.string(), message: z.string() })),
        }),
      },
    },
    errors: [],
  },
  {
    operationId: "exec",
    place: true,
    exact: true,
    method: "POST",
    path: "/v1/workspaces/{workspace}/exec",
    tag: "processes",
    summary: "Runs a command to its end",
    description:
      "A non-zero exit is data and no error. When the caller leaves, the command is ended, unless it gave an Idempotency-Key. A repeat with that reads the output again from the process's log; when that is gone it is process.reaped.",
    scope: "operate",
    params: workspaceParams,
    body: z
      .strictObject({
        ...commandFields,
        input: z.string().optional().describe("What it reads on stdin. Default: /dev/null."),
        input_encoding: encoding,
        encoding,
        max_capture_bytes: z
          .int()
          .min(0)
          .max(16 * 1024 * 1024)
          .optional()
          .describe("A stream; head and tail are kept. Default 1 MiB."),
      })
      .meta({ examples: [{ command: "npm ci && npm test", timeout_ms: 600_000 }] }),
    responses: { 200: { description: "Its result.", schema: execResult } },
    errors: [...START_ERRORS, "process.reaped", "process.lost"],
    idempotent: true,
  },
  {
    operationId: "getProcess",
    place: true,
    method: "GET",
    path: "/v1/processes/{id}",
    tag: "processes",
    summary: "A process",
    scope: "read",
    params: idParams,
    responses: { 200: { description: "As it is now.", schema: process } },
    errors: KNOWN,
  },
  {
    operationId: "deleteProcess",
    place: true,
    method: "DELETE",
    path: "/v1/processes/{id}",
    tag: "processes",
    summary: "Removes record and log of a process that has ended",
    scope: "operate",
    params: idParams,
    responses: { 204: { description: "They are gone." } },
    errors: [...KNOWN, "process.running"],
  },
  {
    operationId: "processOutput",
    place: true,
    exact: true,
    method: "GET",
    path: "/v1/processes/{id}/output",
    tag: "processes",
    summary: "Output from a cursor",
    scope: "read",
    params: idParams,
    query: z.strictObject({
      from: z.int().default(0).describe("Cursor; negative counts from the end."),
      limit_bytes: z
        .int()
        .min(1)
        .max(4 * 1024 * 1024)
        .default(256 * 1024),
      wait_ms: z.int().min(0).max(60_000).default(0).describe("Wait so long for something new."),
      encoding,
    }),
    responses: { 200: { description: "Output, and the cursor behind it.", schema: processOutput } },
    errors: KNOWN,
  },
  {
    operationId: "processLog",
    place: true,
    method: "GET",
    path: "/v1/processes/{id}/log",
    tag: "processes",
    summary: "Output as bytes",
    description:
      "While it is followed, it is as silent as the process is, as nothing can stand between the bytes: where a proxy cuts idle connections, go on at the cursor, or attach.",
    scope: "read",
    params: idParams,
    query: z.strictObject({
      from: z.int().default(0).describe("Cursor; negative counts from the end."),
      follow: z.boolean().default(false).describe("Go on until the exit."),
      stream: z.enum(["stdout", "stderr", "tty"]).optional().describe("Only this one. Default: all."),
    }),
    responses: {
      200: { description: "The bytes as they were written.", contentType: "application/octet-stream" },
    },
    errors: KNOWN,
  },
  {
    operationId: "writeStdin",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/stdin",
    tag: "processes",
    summary: "Writes to stdin",
    scope: "operate",
    params: idParams,
    query: z.strictObject({
      eof: z.boolean().default(false).describe("End of the input behind these bytes."),
    }),
    bytes: { contentType: "application/octet-stream", maxBytes: 1024 ** 3 },
    responses: { 204: { description: "The bytes were taken over." } },
    errors: [...LIVE, "process.stdin_closed"],
  },
  {
    operationId: "signalProcess",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/signal",
    tag: "processes",
    summary: "Sends a signal to the process group",
    scope: "operate",
    params: idParams,
    body: z.strictObject({ name: z.string().min(1).max(32).describe("TERM or SIGTERM.") }),
    responses: { 204: { description: "It was sent." } },
    errors: [...LIVE, "process.signal_unsupported"],
  },
  {
    operationId: "killProcess",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/kill",
    tag: "processes",
    summary: "Ends a process and its whole tree; one that has ended is a success",
    scope: "operate",
    params: idParams,
    body: z
      .strictObject({
        signal: z.string().min(1).max(32).optional().describe("Default TERM."),
        grace_ms: z.int().min(0).max(60_000).optional().describe("Then KILL. Default 2,000."),
      })
      .prefault({}),
    responses: { 204: { description: "It has ended." } },
    errors: [...KNOWN, "process.signal_unsupported"],
  },
  {
    operationId: "resizeProcess",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/resize",
    tag: "processes",
    summary: "Sets the size of the terminal",
    scope: "operate",
    params: idParams,
    body: z.strictObject(ttySize.shape),
    responses: { 204: { description: "It has the size." } },
    errors: [...LIVE, "process.not_a_tty"],
  },
  {
    operationId: "detachProcess",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/detach",
    tag: "processes",
    summary: "From now on it runs until it ends, with no lease",
    scope: "operate",
    params: idParams,
    responses: { 204: { description: "It has no lease." } },
    errors: LIVE,
  },
  {
    operationId: "waitReady",
    place: true,
    method: "POST",
    path: "/v1/processes/{id}/ready",
    tag: "processes",
    summary: "Waits until a process is ready: a port, a pattern in its output, or an answer by HTTP",
    scope: "operate",
    params: idParams,
    body: z
      .strictObject({
        port: port.optional().describe("Accepts connections on 127.0.0.1 or ::1 of the place."),
        output: z
          .string()
          .min(1)
          .max(1000)
          .optional()
          .describe("Regular expression in the output, from its start."),
        http: z
          .string()
          .min(1)
          .max(4096)
          .optional()
          .describe("Path or URL that answers below 400; with `port`, or in it."),
        timeout_ms: z.int().min(1).max(60_000).default(60_000),
      })
      .meta({ examples: [{ port: 3000, http: "/health" }] }),
    responses: { 204: { description: "It is ready." } },
    errors: [...KNOWN, "process.ready_timeout", "process.ended_before_ready"],
  },
  {
    operationId: "attach",
    place: true,
    method: "GET",
    path: "/v1/processes/{id}/attach",
    tag: "processes",
    summary: "Output and input of a process over a WebSocket",
    description:
      "The server's binary messages are one byte for the channel (1 stdout, 2 stderr, 3 tty), then output; its text messages are AttachServerMessage. The client's binary messages are stdin, its text messages AttachClientMessage. docs/runner.md describes the protocol.",
    scope: "read",
    params: idParams,
    query: z.strictObject({
      from: z.int().optional().describe("Cursor; negative counts from the end. Default: the first byte."),
      role: z.enum(["writer", "viewer"]).default("viewer").describe("A writer needs the scope operate."),
      takeover: z.boolean().default(false).describe("Take the writer's place when there is one."),
      refusals: z
        .enum(["http", "socket"])
        .default("http")
        .describe(
          "socket: behind the handshake, as a fatal AttachServerMessage; pages are not told answers of HTTP.",
        ),
    }),
    responses: { 101: { description: "The protocol berth.attach.v1." } },
    errors: [...KNOWN, "attach.writer_taken"],
    upgrade: "berth.attach.v1",
  },
] as const satisfies readonly Route[];
