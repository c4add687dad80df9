import { once } from "node:events";
import { connect } from "node:net";
import type { Ssh2 } from "./library.ts";

/** An agent that hangs must not hold up a login that other keys can do. */
const LIST_DEADLINE_MS = 5_000;
/** OpenSSH's own limit of an answer. */
const LIMIT_BYTES = 256 * 1024;
const REQUEST_IDENTITIES = Buffer.from([0, 0, 0, 1, 11]);
const IDENTITIES_ANSWER = 12;

export interface AgentIdentity {
  readonly publicBlob: Buffer;
  readonly comment: string;
}

/**
 * What an agent holds, in its order; empty when there is none. ssh2's own listing leaves out what it cannot use, and
 * then nobody could say why a key of the agent was not tried.
 */
export async function listIdentities(socketPath: string, signal: AbortSignal): Promise<AgentIdentity[]> {
  const socket = connect({ path: socketPath });
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(LIST_DEADLINE_MS)]);
  const stop = (): void => void socket.destroy(new Error("no answer"));
  deadline.addEventListener("abort", stop, { once: true });
  try {
    await once(socket, "connect");
    socket.write(REQUEST_IDENTITIES);
    let answer = Buffer.alloc(0);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk as Buffer]);
      if (answer.length > LIMIT_BYTES) break;
      if (answer.length >= 4 && answer.length >= 4 + answer.readUInt32BE(0)) return parseIdentities(answer);
    }
    return [];
  } catch {
    // As ssh: an agent that is not there or does not answer has no keys.
    return [];
  } finally {
    deadline.removeEventListener("abort", stop);
    socket.destroy();
  }
}

function parseIdentities(answer: Buffer): AgentIdentity[] {
  if (answer[4] !== IDENTITIES_ANSWER || answer.length < 9) return [];
  const identities: AgentIdentity[] = [];
  let at = 9;
  const field = (): Buffer | undefined => {
    if (at + 4 > answer.length) return undefined;
    const start = at + 4;
    at = start + answer.readUInt32BE(at);
    return at > answer.length ? undefined : answer.subarray(start, at);
  };
  for (let count = answer.readUInt32BE(5); count > 0; count--) {
    const publicBlob = field();
    const comment = field();
    if (publicBlob === undefined || comment === undefined) break;
    identities.push({ publicBlob, comment: comment.toString("utf8") });
  }
  return identities;
}

/** Signs by the agent, which may ask its person first. */
export function signByAgent(
  ssh2: Ssh2,
  socketPath: string,
  publicBlob: Buffer,
  data: Buffer,
  hash: "sha256" | "sha512" | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = hash === undefined ? {} : { hash };
    ssh2.createAgent(socketPath).sign(publicBlob, data, options, (error, signature) => {
      if (signature === undefined) reject(error ?? new Error("the agent refuses to sign"));
      else resolve(signature);
    });
  });
}
