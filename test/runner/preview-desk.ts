import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Desk, Received } from "./access-desk.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly trailers: IncomingMessage["trailers"];
  readonly body: Buffer;
}

interface Application extends AsyncDisposable {
  readonly port: number;
  readonly seen: Seen[];
  readonly server: Server;
}

/** An application that notes what it gets, and answers as the test says. */
export async function application(
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void = (_, response) => {
    response.end("hello");
  },
  port = 0,
): Promise<Application> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers, rawHeaders, trailers } = request;
      const body = Buffer.concat(chunks);
      seen.push({ method, url, headers, rawHeaders, trailers, body });
      answer(request, response, body);
    });
    request.on("error", () => undefined);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

interface Opened {
  readonly host: string;
  readonly cookie: string;
  readonly openUrl: string;
  readonly url: string;
  send(path: string, options?: Parameters<Desk["send"]>[1]): Promise<Received>;
  /** An answer that goes on, its head received. */
  stream(path: string): Promise<IncomingMessage>;
}

/** A preview whose link was opened. */
export async function open(
  desk: Desk,
  port: number,
  options: { readonly workspace?: string; readonly token?: string; readonly body?: object } = {},
): Promise<Opened> {
  const { workspace = "fix-login", token = desk.localToken, body = {} } = options;
  const made = await desk.send(`/v1/workspaces/${workspace}/previews`, {
    method: "POST",
    token,
    body: { port, ...body },
  });
  assert.equal(made.status, 201, made.text);
  const openUrl = String(made.json.open_url);
  const { host, pathname, search } = new URL(openUrl);
  const opened = await desk.send(pathname + search, { host });
  assert.equal(opened.status, 303, opened.text);
  const cookie = opened.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
  return {
    host,
    cookie,
    openUrl,
    url: String(made.json.url),
    send: (path, sent = {}) =>
      desk.send(path, { host, ...sent, headers: { cookie, ...(sent.headers as object) } }),
    async stream(path) {
      const request = httpRequest({ port: desk.port, agent: false, path, headers: { host, cookie } }).end();
      const [response] = (await once(request, "response")) as [IncomingMessage];
      return response;
    },
  };
}
