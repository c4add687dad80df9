import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { OpenApiDocument, Operation, Schema } from "../../src/api/document.ts";
import { errorEntry } from "../../src/contract/errors.ts";
import type { TestRunner } from "../fixtures/runner.ts";

/** A call as it is sent: what the document says of it, and what was made of that. */
export interface SentCall {
  readonly operationId: string;
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface ContractAnswer {
  readonly status: number;
  readonly text: string;
  /** undefined: no JSON. */
  readonly json: unknown;
  /** Name and value of the cookie that it sets. */
  readonly cookie: string | undefined;
}

interface ReceivedAnswer {
  readonly status: number;
  readonly text: string;
  readonly contentType: string | undefined;
  readonly requestId: string | undefined;
  readonly cookie: string | undefined;
  readonly isReplayed: boolean;
}

interface Described {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** What goes on for as long as it is listened to is listened to for so long. */
const LISTEN_MS = 150;

/** Holds answers of a runner against the document that it serves. */
export class ContractDesk implements Disposable {
  readonly document: OpenApiDocument;
  readonly operations: ReadonlyMap<string, Described>;
  /** Statuses that each operation was answered with. */
  readonly seen = new Map<string, Set<number>>();
  readonly #runner: Pick<TestRunner, "url" | "token">;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<Schema, ValidateFunction>();

  constructor(runner: Pick<TestRunner, "url" | "token">, document: OpenApiDocument) {
    this.#runner = runner;
    this.#ajv.addFormat("date-time", (text: string) => !Number.isNaN(Date.parse(text)));
    this.document = closed(document) as OpenApiDocument;
    this.operations = new Map(
      Object.entries(this.document.paths).flatMap(([path, item]) =>
        Object.entries(item).map(([method, operation]) => [
          operation.operationId,
          { method: method.toUpperCase(), path, operation },
        ]),
      ),
    );
  }

  get token(): string {
    return this.#runner.token;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Sends a call, and fails when the answer is none that the document has. */
  async send(call: SentCall): Promise<ContractAnswer> {
    const { method, path, operation } = this.#described(call.operationId);
    const target =
      path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(call.path?.[name] ?? "")) +
      queryText(call.query);
    const answer = await this.#exchange(method, target, call);
    const about = `${method} ${target} ${preview(call.body)} -> ${answer.status} ${answer.text.slice(0, 600)}`;
    const response = operation.responses[answer.status];
    assert.ok(response, `undocumented status: ${about}`);
    assert.match(answer.requestId ?? "", /^req_/, about);
    const seen = this.seen.get(call.operationId) ?? new Set();
    this.seen.set(call.operationId, seen.add(answer.status));
    const { cookie } = answer;
    const type = answer.contentType?.split(";", 1)[0];
    const content = response.content?.[type ?? ""] ?? response.content?.["*/*"];
    if (answer.status < 400 && response.content === undefined) {
      assert.equal(answer.text, "", about);
      return { status: answer.status, text: "", json: undefined, cookie };
    }
    assert.ok(content, `undocumented content type ${type}: ${about}`);
    const json =
      type === "application/json" && content.schema !== undefined ? parse(answer.text, about) : undefined;
    if (content.schema !== undefined && json !== undefined) this.#validate(content.schema, json, about);
    if (answer.status >= 400)
      checkError(answer.status, json, answer.isReplayed ? undefined : answer.requestId, about);
    return { status: answer.status, text: answer.text, json, cookie };
  }

  #described(operationId: string): Described {
    const found = this.operations.get(operationId);
    assert.ok(found, `no operation ${operationId}`);
    return found;
  }

  #validate(schema: Schema, json: unknown, about: string): void {
    let validate = this.#validators.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile({ ...schema, components: this.document.components });
      this.#validators.set(schema, validate);
    }
    assert.ok(validate(json), `${this.#ajv.errorsText(validate.errors)}: ${about}`);
  }

  /** Not by fetch, which tidies paths up before it sends them. */
  #exchange(method: string, path: string, { headers = {}, body }: SentCall): Promise<ReceivedAnswer> {
    const { hostname, port } = new URL(this.#runner.url);
    const bytes = body === undefined || body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
    const type =
      bytes === undefined
        ? {}
        : { "content-type": bytes === body ? "application/octet-stream" : "application/json" };
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        hostname,
        port,
        method,
        path,
        headers: {
          authorization: `Bearer ${this.#runner.token}`,
          ...type,
          ...(bytes === undefined ? {} : { "content-length": bytes.length }),
          ...headers,
        },
      });
      sent.on("error", reject);
      sent.on("response", (response) => {
        let text = "";
        const done = (): void => {
          clearTimeout(listening);
          resolve({
            status: response.statusCode ?? 0,
            text,
            contentType: response.headers["content-type"],
            requestId: response.headers["berth-request-id"] as string | undefined,
            cookie: response.headers["set-cookie"]?.[0]?.split(";", 1)[0],
            isReplayed: response.headers["idempotency-replayed"] === "true",
          });
        };
        // Of streams the beginning is enough.
        const listening = setTimeout(() => {
          if (response.headers["transfer-encoding"] !== "chunked") return;
          done();
          sent.destroy();
        }, LISTEN_MS);
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", done);
        response.on("error", () => {});
      });
      sent.end(bytes);
    });
  }
}

function checkError(status: number, json: unknown, requestId: string | undefined, about: string): void {
  const { error } = json as { error: { code: string; request_id: string; hint: string } };
  // A repeat is answered as the first one was, the id of that one included.
  if (requestId !== undefined) assert.equal(error.request_id, requestId, about);
  assert.notEqual(error.code, "internal", about);
  assert.equal(errorEntry(error.code)?.status, status, `the status is not that of the code: ${about}`);
  assert.ok(error.hint.length > 0, about);
}

/** Answers may have more fields in a later version; in this one the document has all of them. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, closed(child)]));
  const isObject = copy.type === "object" && typeof copy.properties === "object";
  return isObject && copy.additionalProperties === undefined
    ? { ...copy, additionalProperties: false }
    : copy;
}

function queryText(query: Readonly<Record<string, unknown>> = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => `${part(name)}=${part(String(one))}`),
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** Half of a surrogate pair has no UTF-8. */
const part = (text: string): string => encodeURIComponent(text.toWellFormed());

function parse(text: string, about: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    assert.fail(`no JSON: ${about}`);
  }
}

function preview(body: unknown): string {
  return body === undefined || body instanceof Uint8Array ? "" : JSON.stringify(body).slice(0, 300);
}
