import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

/** A runner of this machine that says nothing for so long is stopped or stuck. */
const SILENCE_MS = 2000;

/** Whether a runner says in time that it works. */
export function answers(url: string, timeoutMs = SILENCE_MS): Promise<boolean> {
  const target = new URL("/v1/health", url);
  const send = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve) => {
    const request = send(target, { timeout: timeoutMs, agent: false });
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.on("close", () => resolve(false));
    request.end();
  });
}
