import { type ErrorJson, errorFromJson } from "../api/json-errors.ts";
import { type BerthError, berthError, isBerthError } from "../contract/errors.ts";

/** An answer from 400 on, as the error that it stands for. */
export async function answeredError(response: Response): Promise<BerthError> {
  const { status, url } = response;
  const text = await response.text().catch(() => "");
  return errorOfAnswer(status, text, new URL(url || "http://runner").origin);
}

/** The error of an answer's body; what no runner has written is told as that. */
export function errorOfAnswer(status: number, body: string, origin: string): BerthError {
  try {
    const { error } = JSON.parse(body) as { error?: ErrorJson & { request_id?: string } };
    if (typeof error?.code === "string") {
      const { request_id, ...json } = error;
      return errorFromJson(json, request_id);
    }
  } catch {
    // Not JSON: it is none of the runner's.
  }
  const context = { url: origin, reason: `HTTP ${status}`, status };
  // A proxy whose runner is away, as during its restart.
  return berthError(status >= 502 && status <= 504 ? "runner.unreachable" : "runner.foreign", { context });
}

const TLS_ERRORS = /^(?:CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|ERR_TLS_CERT_|HOSTNAME_MISMATCH)/;

/** Why no answer came. */
export function noAnswer(cause: unknown, url: URL, signal?: AbortSignal | null): BerthError {
  if (isBerthError(cause)) return cause;
  if (signal?.aborted) {
    const reason: unknown = signal.reason;
    return isBerthError(reason) ? reason : berthError("operation.aborted", { cause });
  }
  const inner = (cause as { cause?: unknown } | null)?.cause ?? cause;
  const { code, message } = inner as { code?: string; message?: string };
  const context = { url: url.origin, reason: code ?? message ?? "it cannot be reached" };
  const untrusted = code !== undefined && TLS_ERRORS.test(code);
  return berthError(untrusted ? "runner.untrusted" : "runner.unreachable", { context, cause });
}

/** Whether trying again may help. */
export function mayPass(error: unknown): boolean {
  return isBerthError(error) && error.retryable;
}
