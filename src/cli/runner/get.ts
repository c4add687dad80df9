import { answeredError, connectionError } from "../../runtimes/remote/runner-address.ts";
import { type RunnerTarget, tokenOf } from "./target.ts";

const DEADLINE_MS = 15_000;

/**
 * What a runner answers to a GET.
 * @param path with its query; from /v1 on
 * @throws auth.*, runner.unreachable, runner.untrusted, runner.foreign, and what the runner answers
 */
export async function getFromRunner(
  target: RunnerTarget,
  path: `/v1/${string}`,
  signal?: AbortSignal,
): Promise<unknown> {
  const url = new URL(`${target.url}${path}`);
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${tokenOf(target)}` },
      redirect: "error",
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const body = await response.text();
    if (!response.ok) throw answeredError(response.status, body, url);
    return JSON.parse(body);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw answeredError(200, "", url);
    throw connectionError(cause instanceof TypeError ? (cause.cause ?? cause) : cause, url);
  }
}
