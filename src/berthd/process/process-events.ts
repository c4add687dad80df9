import type { ProcessEvent } from "./event-log.ts";
import type { HostedProcess } from "./hosted-process.ts";
import type { RecoveredProcess } from "./records.ts";

/** For sentences. */
function title({ name, id }: { readonly name?: string | undefined; readonly id: string }): string {
  return name ?? `process ${id}`;
}

export function startedEvent({ process, owner }: HostedProcess): ProcessEvent {
  const { id, name, pid, detached } = process;
  return {
    type: "process.started",
    message: `${title(process)} was started`,
    processId: id,
    data: { pid, detached, ...(name === undefined ? {} : { name }) },
    owner,
    workspace: process.workspace,
  };
}

export function exitedEvent({ process, owner }: HostedProcess): ProcessEvent {
  const { id, exit, exitCursor } = process;
  const how = exit?.signal == null ? `with exit code ${exit?.exitCode}` : `by ${exit.signal}`;
  return {
    type: "process.exited",
    message: `${title(process)} ended ${how}${exit?.timedOut ? " as its time was over" : ""}`,
    processId: id,
    data: { ...exit, outputBytes: exitCursor },
    owner,
    workspace: process.workspace,
  };
}

/** A signal of a lease that has run out. */
export function leaseEvent({ process, owner }: HostedProcess, step: string): ProcessEvent {
  return {
    type: "process.lease",
    message: `nobody has come back to ${title(process)}: it is sent ${step}`,
    processId: process.id,
    data: { step },
    owner,
    workspace: process.workspace,
  };
}

/** The daemon has ended it on its own; `left` of its tree could not be ended. */
export function endedEvent(
  { process, owner }: HostedProcess,
  reason: "timeout" | "lease",
  left: number,
): ProcessEvent {
  const rest = left === 0 ? "" : `; ${left} of its processes are left`;
  return {
    type: "process.ended",
    message: `${title(process)} was ended${rest}`,
    processId: process.id,
    data: { reason, left },
    owner,
    workspace: process.workspace,
  };
}

export function lostEvent({ record }: RecoveredProcess): ProcessEvent {
  return {
    type: "process.lost",
    message: `${title(record)} was lost with the daemon that ran it`,
    processId: record.id,
    data: record.name === undefined ? {} : { name: record.name },
    workspace: record.workspace,
  };
}
