import { answeredError, connectionError } from "../../runtimes/remote/runner-address.ts";

const DEADLINE_MS = 15_000;

/**
 * Asks a runner whether it takes a token.
 * @throws auth.invalid, runner.unreachable, runner.untrusted, runner.foreign
 */
export async function checkToken(url: string, token: string): Promise<{ readonly version: string }> {
  await get(url, "/v1/workspaces?limit=1", token);
  const { version } = JSON.parse(await get(url, "/v1/health", undefined)) as { readonly version?: unknown };
  return { version: String(version) };
}

async function get(url: string, path: string, token: string | undefined): Promise<string> {
  const target = new URL(`${url}${path}`);
  try {
    const response = await fetch(target, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      // Whoever the runner sends this to shall not get the token.
      redirect: "error",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const body = await response.text();
    if (!response.ok) throw answeredError(response.status, body, target);
    JSON.parse(body);
    return body;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw answeredError(200, "", target);
    throw connectionError(cause instanceof TypeError ? (cause.cause ?? cause) : cause, target);
  }
}
