import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { TLSSocket } from "node:tls";
import type { RemoteConfig } from "../../contract/config-remote.ts";
import type { CheckOptions, CheckReport } from "../../contract/runtime.ts";
import { CheckSteps, StepFailed } from "../common/check-steps.ts";
import type { RuntimeContext } from "../context.ts";
import { openRemoteWith } from "./open.ts";
import { answeredError, connectionError, type RunnerAddress, runnerAddress } from "./runner-address.ts";

const DEADLINE_MS = 15_000;
const MAX_BODY_BYTES = 1024 * 1024;

/** "Test connection" from the start: token, runner (with TLS), workspace, place, and what works there. Never throws. */
export async function checkRemote(
  config: RemoteConfig,
  context: RuntimeContext,
  told: Pick<CheckOptions, "onStart" | "onStep">,
): Promise<CheckReport> {
  const { signal } = context.options;
  const steps = new CheckSteps(told);
  let description = `workspace ${config.workspace} of ${config.url}`;
  try {
    await checkWay(config, steps, signal);
    await using runtime = await steps.run(
      "place",
      () => openRemoteWith(config, context, undefined),
      (opened) => ({ detail: `${opened.workdir} is reached through the runner` }),
    );
    ({ description } = runtime);
    await runtime.check({
      signal,
      onStart: (name) => steps.start(name),
      onStep: (step) => steps.add(step),
    });
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  return { ok: steps.ok, runtime: description, steps: steps.done };
}

/** The steps on the way to the runner. @throws StepFailed */
export async function checkWay(
  config: RemoteConfig,
  steps: CheckSteps,
  signal: AbortSignal | undefined,
): Promise<void> {
  const address = await steps.run(
    "token",
    () => runnerAddress(config, signal),
    () => ({ detail: "there is one" }),
  );
  await steps.run(
    "runner",
    () => get(address, "v1/health", signal),
    ({ body, security }) => ({
      detail: `version ${text(body, "version")} at ${address.url.origin}, ${security}`,
    }),
  );
  await steps.run(
    "workspace",
    () => get(address, `v1/workspaces/${encodeURIComponent(config.workspace)}`, signal),
    ({ body }) => ({ detail: `${text(body, "name")} (${text(body, "id")}) is ${text(body, "state")}` }),
  );
}

interface Answer {
  readonly body: unknown;
  readonly security: string;
}

/** @throws runner.*, what the runner answers */
function get(address: RunnerAddress, path: string, signal: AbortSignal | undefined): Promise<Answer> {
  const url = new URL(path, address.url);
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  const limits = [AbortSignal.timeout(DEADLINE_MS), ...(signal === undefined ? [] : [signal])];
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        headers: { authorization: `Bearer ${address.token}`, accept: "application/json" },
        signal: AbortSignal.any(limits),
        ...(address.ca === undefined ? {} : { ca: address.ca }),
      },
      (response) => {
        const security = securityOf(response.socket);
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_BODY_BYTES) asked.destroy(new Error("an answer of more than 1 MiB"));
          else chunks.push(chunk);
        });
        response.on("error", (cause) => reject(connectionError(cause, address.url)));
        response.on("end", () => {
          const body = Buffer.concat(chunks).toString("utf8");
          const status = response.statusCode ?? 0;
          try {
            if (status !== 200) throw answeredError(status, body, address.url);
            resolve({ body: parsed(body, address), security });
          } catch (error) {
            reject(error);
          }
        });
      },
    );
    asked.on("error", (cause) => reject(connectionError(cause, address.url)));
    asked.end();
  });
}

function parsed(body: string, { url }: RunnerAddress): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw answeredError(200, body, url);
  }
}

function securityOf(socket: object): string {
  if (!("encrypted" in socket)) return "without TLS";
  const tls = socket as TLSSocket;
  const { valid_to } = tls.getPeerCertificate();
  return `${tls.getProtocol() ?? "TLS"}, its certificate is valid until ${valid_to}`;
}

function text(body: unknown, field: string): string {
  return String((body as Record<string, unknown> | null)?.[field] ?? "?").slice(0, 200);
}
