import type * as z from "zod";
import { defined } from "../contract/defined.ts";
import type { ExecOptions, ExitStatus, OutputFile, ProcessInfo, SpawnOptions } from "../contract/process.ts";
import type { commandFields, exitStatus, outputFileFields, process } from "./process-schemas.ts";

export type ExitStatusJson = z.infer<typeof exitStatus>;
export type ProcessJson = z.infer<typeof process>;

export function exitToJson(exit: ExitStatus): ExitStatusJson {
  return {
    exit_code: exit.exitCode,
    signal: exit.signal,
    timed_out: exit.timedOut,
    duration_ms: exit.durationMs,
    waiting: exit.waiting === undefined ? null : { ...exit.waiting },
  };
}

export function exitFromJson(exit: ExitStatusJson): ExitStatus {
  return {
    exitCode: exit.exit_code,
    signal: exit.signal,
    timedOut: exit.timed_out,
    durationMs: exit.duration_ms,
    // Runners of earlier versions say nothing of it.
    ...(exit.waiting == null ? {} : { waiting: exit.waiting }),
  };
}

type OutputFileJson = { [Key in keyof typeof outputFileFields]: z.infer<(typeof outputFileFields)[Key]> };

export function outputFileToJson({ outputFile, outputFileCut }: OutputFile): OutputFileJson {
  return {
    output_file: outputFile ?? null,
    output_file_cut: outputFileCut === undefined ? null : { ...outputFileCut },
  };
}

export function processToJson(info: ProcessInfo, workspaceId: string): ProcessJson {
  return {
    id: info.id,
    name: info.name ?? null,
    workspace: workspaceId,
    command: [...info.command],
    cwd: info.cwd,
    user: info.user ?? null,
    pid: info.pid,
    state: info.state,
    tty: info.tty === null ? null : { ...info.tty },
    ...(info.ttySizes === undefined ? {} : { tty_sizes: info.ttySizes.map((size) => ({ ...size })) }),
    detached: info.detached,
    started_at: info.startedAt,
    ended_at: info.endedAt ?? null,
    exit: info.exit === undefined ? null : exitToJson(info.exit),
    output_start: info.outputStart,
    output_end: info.outputEnd,
    has_orphans: info.hasOrphans ?? false,
    ...outputFileToJson(info),
  };
}

type CommandFields = { readonly [Key in keyof typeof commandFields]: z.infer<(typeof commandFields)[Key]> };

/** Options of everything that starts a command; what was not given is not there. */
export function commandOptionsFromJson(
  body: Partial<Omit<CommandFields, "command">>,
): Omit<ExecOptions & SpawnOptions, "input" | "signal"> {
  const env =
    body.env &&
    Object.fromEntries(Object.entries(body.env).map(([name, value]) => [name, plainValue(value)]));
  return defined({
    cwd: body.cwd,
    env,
    user: body.user,
    timeoutMs: body.timeout_ms,
    killGraceMs: body.kill_grace_ms,
    shell: body.shell,
    stderr: body.stderr,
    drainMs: body.drain_ms,
    overflow: body.overflow,
    logLimitBytes: body.log_limit_bytes,
    keepOutput: body.keep_output && { aboveBytes: body.keep_output.above_bytes },
  });
}

/** Values of an environment that are marked as secret. */
export function secretsOf(env: CommandFields["env"]): string[] {
  return Object.values(env ?? {}).flatMap((value) =>
    typeof value === "object" && value !== null ? [value.secret] : [],
  );
}

function plainValue(value: NonNullable<CommandFields["env"]>[string]): string | undefined {
  return typeof value === "object" ? value?.secret : value;
}
