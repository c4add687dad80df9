import { berthError } from "../../contract/errors.ts";
import type { ProcessInfo } from "../../contract/process.ts";

/**
 * Checks what a daemon says of a process as far as this side relies on it.
 * @throws wire.protocol_error
 */
export function processInfo(value: unknown): ProcessInfo {
  const info = value as Partial<ProcessInfo> | null | undefined;
  if (typeof info !== "object" || info === null || typeof info.id !== "string" || info.id === "") {
    throw berthError("wire.protocol_error", { message: "the daemon's answer names no process" });
  }
  return info as ProcessInfo;
}
