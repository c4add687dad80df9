import { jsonFromRunner, PROMPT_MS } from "./calls.ts";

/**
 * Asks a runner whether it takes a token.
 * @throws auth.invalid, runner.unreachable, runner.untrusted, runner.foreign
 */
export async function checkToken(url: string, secret: string): Promise<{ readonly version: string }> {
  const target = { url, secret };
  await jsonFromRunner(target, "/v1/workspaces", { query: { limit: 1 }, timeoutMs: PROMPT_MS });
  const { version } = (await jsonFromRunner(target, "/v1/health", { timeoutMs: PROMPT_MS })) as {
    readonly version?: unknown;
  };
  return { version: String(version) };
}
