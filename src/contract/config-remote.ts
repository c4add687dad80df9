import * as z from "zod";
import { common, ownPath, secretReferenceSchema } from "./config-fields.ts";

/** Where a runner listens unless it is told otherwise. */
export const RUNNER_PORT = 7333;
/** Names the runner of who runs Berth; its token is in the other one. */
export const RUNNER_VARIABLE = "BERTH_RUNNER";
/** Where the token is looked for when the configuration names no place, for the runner of the variable above alone. */
export const RUNNER_TOKEN_VARIABLE = "BERTH_RUNNER_TOKEN";

const EXAMPLE = 'for example url: "https://runner.example:7333"';

/** A workspace of a runner, on this machine or another one. */
export const remoteConfigSchema = z.strictObject({
  type: z.literal("remote"),
  /** Address of the runner: https://, or http:// for one of this machine. */
  url: z.string(`has to be a text, ${EXAMPLE}`).refine(isRunnerUrl, {
    message: `is not the address of a runner, ${EXAMPLE}; a token does not belong in it`,
  }),
  /** Id of the workspace, its name, or PROJECT/NAME. */
  workspace: z.string().min(1).max(300),
  /** Where the runner's token is found. Default: the variable BERTH_RUNNER_TOKEN, for the runner of BERTH_RUNNER. */
  token: secretReferenceSchema.optional(),
  /** Certificates (PEM) that the runner's is signed by, where the system does not know them. */
  ca: ownPath.optional(),
  workdir: common.workdir,
  env: common.env,
  processLogDir: common.processLogDir,
});

export type RemoteConfig = z.infer<typeof remoteConfigSchema>;

function isRunnerUrl(text: string): boolean {
  if (!/^https?:\/\/[^\s\\]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === "" && password === "" && search === "" && hash === "";
}

/** True for this machine's own addresses, to which nothing leaves it. */
export function isLoopbackHost(host: string): boolean {
  return (
    host === "localhost" ||
    host.endsWith(".localhost") ||
    host === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
  );
}

/**
 * What `runner://HOST[:PORT]/WORKSPACE` means: TLS for every host but this machine.
 * @returns the fields, or in words what is wrong; never with the text itself, which may hold a token
 */
export function parseRunnerUri(uri: string): Pick<RemoteConfig, "url" | "workspace"> | string {
  const rest = uri.slice("runner://".length);
  const slash = rest.indexOf("/");
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const workspace = slash === -1 ? "" : rest.slice(slash + 1);
  if (authority.includes("@")) {
    return "a token does not belong here: set BERTH_RUNNER and BERTH_RUNNER_TOKEN";
  }
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(authority);
  const port = Number(match?.[2] ?? RUNNER_PORT);
  if (match === null || port < 1 || port > 65535)
    return "the host is missing or not valid: runner://HOST[:PORT]/WORKSPACE";
  if (workspace === "" || workspace.includes("\0"))
    return "the workspace is missing: runner://HOST[:PORT]/WORKSPACE";
  const host = match[1] ?? "";
  return { url: `${isLoopbackHost(host) ? "http" : "https"}://${host}:${port}`, workspace };
}
