import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** Connections with the user that each is of; a socket of IPv6 may speak IPv4, too. */
const CONNECTIONS = ["/proc/net/tcp", "/proc/net/tcp6"] as const;

const REFUSED = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Berth</title></head><body>
<p>This browser can't be told from another user's. Run <code>berth open --print</code>, and open what it prints.</p></body></html>
`;

/** An address that leads the user's own browser on, once. */
export interface BrowserHop extends AsyncDisposable {
  readonly url: string;
  /** Settles when the browser was sent on; rejects with what `target` throws. */
  readonly taken: Promise<void>;
}

/**
 * What a program is started with is shown to every user of the machine, and so a link that signs in is not given to the
 * program that opens the browser. It is given an address of this process instead, which sends on by such a link: once, and
 * none but a browser of this user, by the kernel's word on whose the connection is. (A file that only the user can read would
 * do as well, were it not that browsers in a sandbox can't read where such files may be.)
 * @param target makes the link when the browser asks for it
 */
export async function startHop(target: () => Promise<string>): Promise<BrowserHop> {
  const path = `/${randomBytes(16).toString("base64url")}`;
  const { promise: taken, resolve, reject } = Promise.withResolvers<void>();
  // Whoever does not wait for it any more is not told.
  taken.catch(() => {});
  let isTaken = false;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const headers = { "cache-control": "no-store", "referrer-policy": "no-referrer", connection: "close" };
    if (request.method !== "GET" || request.url !== path || isTaken) {
      response.writeHead(404, headers).end();
      return;
    }
    if (!isOwn(request.socket)) {
      response.writeHead(403, { ...headers, "content-type": "text/html; charset=utf-8" }).end(REFUSED);
      return;
    }
    isTaken = true;
    try {
      response.writeHead(303, { ...headers, location: await target() }).end();
      response.once("close", resolve);
    } catch (cause) {
      response.writeHead(502, headers).end();
      reject(cause);
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen({ host: "127.0.0.1", port: 0 }, listening);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    taken,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((ended) => server.close(ended));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Root's as well: it may do everything anyway, and on Windows a program of root's passes on what the browser sends. */
function isOwn({ localPort = 0, remotePort = 0 }: Socket): boolean {
  const table = CONNECTIONS.map(textOf).join("\n");
  const user = connectionUser(table, remotePort, localPort);
  return user !== undefined && (user === 0 || user === process.getuid?.());
}

/** Whose the other end of a connection of 127.0.0.1 is, from the kernel's table; undefined: it is not in there. */
export function connectionUser(table: string, from: number, to: number): number | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, "0");
  for (const line of table.split("\n")) {
    const [, local = "", remote = "", , , , , user] = line.trim().split(/\s+/);
    if (
      local.endsWith(`:${hex(from)}`) &&
      remote.endsWith(`:${hex(to)}`) &&
      isHere(local) &&
      isHere(remote)
    ) {
      return Number(user);
    }
  }
  return undefined;
}

/** 127.0.0.1 as the kernel writes it on machines whose bytes come in Intel's order, which all of Berth's are. */
function isHere(address: string): boolean {
  return /^(?:0{16}FFFF0000)?0100007F:/.test(address);
}

/** Empty where the kernel has no such table. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
