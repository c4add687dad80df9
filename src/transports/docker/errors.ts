import { type BerthError, berthError, isBerthError } from "../../contract/errors.ts";

/** A failure of the connection to the engine, as the error of the contract. */
export function connectionError(cause: unknown, endpoint: string): BerthError {
  if (isBerthError(cause)) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const context = { endpoint, ...(code === undefined ? {} : { reason: code }) };
  if (code === "EACCES" || code === "EPERM") {
    return berthError("docker.permission_denied", { hop: "transport", context, cause });
  }
  const isTls = code !== undefined && /CERT|TLS|SSL|SIGNATURE/.test(code);
  return berthError("docker.engine_unavailable", {
    hop: "transport",
    message: `no Docker engine answers at ${endpoint}: ${code ?? message}${isTls ? ` (${message})` : ""}`,
    ...(isTls
      ? { hint: "Check the certificates: DOCKER_CERT_PATH, DOCKER_TLS_VERIFY, or the context." }
      : {}),
    context,
    cause,
  });
}

/** What the engine answered with a status that means no. `refineContainerError` tells which. */
export function statusError(status: number, message: string, endpoint: string): BerthError {
  const reason = message.trim().slice(0, 2_000);
  return berthError("docker.api_error", {
    hop: "transport",
    message: `the Docker engine refused the request (${status}): ${reason}`,
    context: { status, reason, endpoint },
  });
}

/** The engine's own words of a docker.api_error, and its status. */
export function apiReason(error: unknown): { readonly status: number; readonly reason: string } | undefined {
  if (!isBerthError(error, "docker.api_error")) return undefined;
  return { status: Number(error.context.status), reason: String(error.context.reason) };
}

/** A docker.api_error about a container as the typed error for its state; any other error unchanged. */
export function refineContainerError(error: unknown, container: string): unknown {
  const answer = apiReason(error);
  if (answer === undefined) return error;
  const options = { hop: "transport", context: { container }, cause: error } as const;
  if (/is paused|unpause/i.test(answer.reason)) return berthError("docker.container_paused", options);
  if (answer.status === 404 && /no such container/i.test(answer.reason)) {
    return berthError("docker.container_not_found", options);
  }
  const stopped =
    /is not running|is restarting|not running|container .* (stopped|removed)|is marked for removal/i;
  if ([400, 404, 409, 500].includes(answer.status) && stopped.test(answer.reason)) {
    return berthError("docker.container_not_running", options);
  }
  return error;
}
