import { createHash } from "node:crypto";
import {
  commandOptionsFromJson,
  exitToJson,
  outputFileToJson,
  processToJson,
  secretsOf,
} from "../../api/json-processes.ts";
import { defined } from "../../contract/defined.ts";
import { berthError } from "../../contract/errors.ts";
import type { ExecResult, Process, SpawnOptions } from "../../contract/process.ts";
import type { Runtime } from "../../contract/runtime.ts";
import { Capture } from "../../runtimes/common/capture.ts";
import { DEFAULT_CAPTURE_BYTES } from "../../runtimes/common/exec-limits.ts";
import type { RunnerContext } from "../context.ts";
import type { CallOf, Handlers } from "../handlers.ts";
import { traced } from "../observe/tracing.ts";

/** Starting processes. They are no client's: they outlive the runner, and who reads their output keeps them. */
export function startHandlers(context: RunnerContext): Handlers<"startProcess" | "startShell" | "exec"> {
  return {
    startProcess: (call) =>
      started(context, call, (runtime, options) => {
        const { command, stdin, tty } = call.body;
        return runtime.spawn(command, { ...options, ...defined({ stdin, tty }) });
      }),

    startShell: (call) =>
      started(context, call, (runtime, options) => {
        const { login, tty } = call.body;
        return runtime.shell({ ...options, login, ...defined({ tty }) });
      }),

    exec: async (call) => {
      const { params, body, caller, signal, kept } = call;
      const { input, input_encoding: inputEncoding, max_capture_bytes: maxCaptureBytes } = body;
      // Answered before: output is not kept anywhere but in the place's own log.
      if (kept !== undefined) return executed(await replay(context, call, kept), body.encoding);
      const workspace = await context.workspace(params.workspace, caller);
      for (const secret of secretsOf(body.env)) context.secrets.add(secret);
      using lease = await context.runtimes.lease(workspace, signal);
      const run = async () =>
        await lease.runtime.exec(body.command, {
          ...commandOptionsFromJson(body),
          ...(input === undefined
            ? {}
            : { input: Buffer.from(input, inputEncoding === "text" ? "utf8" : "base64") }),
          ...defined({ maxCaptureBytes }),
          ...requestId(call, workspace.id),
          signal,
        });
      const result = await traced("process.exec", { "berth.workspace": workspace.id }, run);
      context.metrics.count("berth_process_starts_total", {});
      context.emit({
        type: "process.executed",
        message: "a command was run through the runner",
        workspace: workspace.id,
        processId: result.processId,
        runtime: lease.runtime.description,
        data: { exitCode: result.exitCode, signal: result.signal, durationMs: result.durationMs },
      });
      return executed(result, body.encoding);
    },
  };
}

/** What a start of either kind has in common: its caller's workspace, what it may cost, and who is told. */
async function started(
  context: RunnerContext,
  call: CallOf<"startProcess"> | CallOf<"startShell">,
  start: (runtime: Runtime, options: SpawnOptions) => Promise<Process>,
) {
  const { params, body, caller, signal } = call;
  const { name, lease_ms: leaseMs } = body;
  const workspace = await context.workspace(params.workspace, caller);
  for (const secret of secretsOf(body.env)) context.secrets.add(secret);
  using lease = await context.runtimes.lease(workspace, signal);
  const options: SpawnOptions = {
    ...commandOptionsFromJson(body),
    ...defined({ name, leaseMs }),
    ...requestId(call, workspace.id),
    ...(body.detached === true ? { detached: true } : { keptBy: "readers" }),
    signal,
  };
  const process = await traced("process.start", { "berth.workspace": workspace.id }, () =>
    start(lease.runtime, options),
  );
  const info = process.found;
  process.release();
  await context.processes.add(workspace.id, info).catch((error: unknown) => {
    context.log.warn({ error, process: info.id }, "a process can't be remembered");
  });
  context.metrics.count("berth_process_starts_total", {});
  context.emit({
    type: "process.requested",
    message: "a command was started through the runner",
    workspace: workspace.id,
    processId: info.id,
    runtime: lease.runtime.description,
    data: { detached: info.detached, tty: info.tty !== null },
  });
  return { status: 201, body: processToJson(info, workspace.id) } as const;
}

/**
 * The id of a start that its caller may repeat: the same for the same Idempotency-Key, so that the place runs it once
 * although the runner that asked first was killed before it could answer.
 */
function requestId(
  { headers, caller }: Pick<CallOf<"startProcess">, "headers" | "caller">,
  workspaceId: string,
): { readonly requestId?: string } {
  const key = headers["idempotency-key"];
  if (typeof key !== "string") return {};
  const parts = JSON.stringify([caller.tokenId, workspaceId, key]);
  return { requestId: `key.${createHash("sha256").update(parts).digest("base64url")}` };
}

function executed(result: ExecResult, encoding: CallOf<"exec">["body"]["encoding"]) {
  const text = encoding === "text";
  return {
    status: 200,
    body: {
      ...exitToJson(result),
      encoding,
      stdout: text ? result.stdout : Buffer.from(result.stdoutBytes).toString("base64"),
      stderr: text ? result.stderr : Buffer.from(result.stderrBytes).toString("base64"),
      output_bytes: result.outputBytes,
      truncated: result.truncated,
      process_id: result.processId,
      ...outputFileToJson(result),
    },
    kept: { process_id: result.processId },
  } as const;
}

/** The result of a command that was run before, from its log. @throws process.reaped, process.lost */
async function replay(
  { processes }: RunnerContext,
  { body, caller, signal }: CallOf<"exec">,
  kept: unknown,
): Promise<ExecResult> {
  const id = String((kept as { readonly process_id?: unknown }).process_id);
  // Where no daemon may run there is no log.
  if (id === "") throw berthError("process.reaped", { hop: "runner", context: { id } });
  using found = await processes.find(id, caller, signal);
  const { exit } = found.info;
  if (exit === undefined) throw berthError("process.lost", { hop: "runner", context: { id } });
  const capture = new Capture(body.max_capture_bytes ?? DEFAULT_CAPTURE_BYTES);
  let outputBytes = 0;
  for await (const chunk of found.process.output({ from: 0, follow: false, signal })) {
    // What children write later is no part of the result.
    if (chunk.type === "exit") break;
    if (chunk.type === "gap") outputBytes = chunk.gap.to;
    else {
      capture.push(chunk.stream, chunk.data);
      outputBytes += chunk.data.length;
    }
  }
  const { outputFile, outputFileCut } = found.info;
  return {
    ...exit,
    ...capture.take(outputBytes),
    outputBytes,
    processId: id,
    ...defined({ outputFile, outputFileCut }),
  };
}
