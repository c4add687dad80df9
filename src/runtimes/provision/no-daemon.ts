import { type BerthError, isBerthError } from "../../contract/errors.ts";

/** Reasons for which a place can't have a daemon, whatever is tried: there is a runtime without one. */
export function cannotBeInstalled(error: unknown): error is BerthError {
  return (
    isBerthError(error, "provision.no_directory") ||
    isBerthError(error, "provision.no_space") ||
    isBerthError(error, "runtime.platform_unsupported")
  );
}
