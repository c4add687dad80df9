import { berthError } from "../../../src/contract/errors.ts";

/** Longer than the page of a place that is far away takes, and shorter than somebody waits. */
const ANSWER_MS = 30_000;

/**
 * Sends a request; one that only reads is given up when no answer has begun after so long. A browser has six connections to
 * a runner at most: those that wait for places which hang would keep all of them.
 * @throws operation.timeout, and what `send` throws
 */
export async function boundedFetch(
  request: Request,
  send: (request: Request) => Promise<Response> = fetch,
  answerMs = ANSWER_MS,
): Promise<Response> {
  if (request.method !== "GET") return send(request);
  const late = new AbortController();
  const timer = setTimeout(() => {
    const message = `no answer for ${answerMs / 1000} s`;
    late.abort(
      berthError("operation.timeout", { message, hint: "The place may hang, or be busy. Look again." }),
    );
  }, answerMs);
  try {
    return await send(new Request(request, { signal: AbortSignal.any([request.signal, late.signal]) }));
  } finally {
    clearTimeout(timer);
  }
}
