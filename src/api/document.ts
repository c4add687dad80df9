import * as z from "zod";
import { ERROR_REGISTRY, type ErrorCode } from "../contract/error-registry.ts";
import { VERSION } from "../contract/version.ts";
import { attachClientMessage, attachServerMessage } from "./attach.ts";
import { errorResponse } from "./common.ts";
import type { Route, RouteResponse } from "./route.ts";
import { ROUTES } from "./routes.ts";

/** A JSON Schema of the document, as far as pages and types read it. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

export type Content = Readonly<
  Record<string, { readonly schema?: Schema; readonly "x-event-data"?: Schema }>
>;

export interface ResponseObject {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;
  readonly content?: Content;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, ResponseObject>>;
  readonly "x-scope": string;
  readonly "x-messages"?: { readonly server: Schema; readonly client: Schema };
}

export interface OpenApiDocument {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const TAGS: Readonly<Record<string, string>> = {
  runner: "The runner itself: whether it works, what it does, this document.",
  runtimes: "Kinds of places, and whether they can be used.",
  projects: "Git repositories on the runner's machine.",
  workspaces:
    "Checkouts of a project in a place, each on its branch. What takes long answers with an operation.",
  operations: "What takes long: its progress, its end.",
  processes: "Commands in a workspace: they live in the place, and outlive callers and the runner.",
  files: "Files of a workspace's place.",
  ports: "Ports of a place: on the runner's machine, or at an address of their own.",
  events: "What happened, in one order, in a chain of hashes.",
  tokens: "Who may do what.",
  sessions: "Browsers that are signed in.",
  wire: "Berth's own protocol, for programs that use a workspace as a runtime.",
  mcp: "A workspace's tools for agents, by the Model Context Protocol.",
};

const DESCRIPTION = `Every call but those without a scope needs a token: \`Authorization: Bearer TOKEN\`. The scope read is held by operate, and operate by admin. \
In its place a browser that is signed in (sessions) sends its cookie and the header \`Berth-Session\`. \
JSON is UTF-8 with fields in snake_case; times are ISO 8601 in UTC. Fields may be added to answers; unknown fields of requests are refused.

An error is \`{ "error": { "code", "message", "hint", "retryable", "request_id", "context" } }\`; docs/errors.md has all codes. Every answer \
has the header \`Berth-Request-Id\`: the \`cause\` of the events that the call brought about.

Lists are pages: \`next\` is the \`cursor\` of the following one, null at the end. Calls that take an \`Idempotency-Key\` may be repeated with it \
for 24 hours: the repeat is answered as the first one was, and does nothing.

A JSON body has at most 8 MiB and 64 levels, request line and headers together 32 KiB. A token may make 30,000 calls a minute, unless the runner was told \
otherwise; beyond that calls are answered 429 with \`Retry-After\`. Server-sent events have a heartbeat every 15 seconds. HEAD is answered as GET is, without \
the body; OPTIONS names the methods of a path. Pages of other origins may not call the runner.`;

/** Codes that every call may be answered with. */
const EVERY = ["request.invalid", "request.host_refused", "request.origin_refused", "internal"] as const;
/** Of calls that need a token. */
const WITH_TOKEN = [
  "auth.missing",
  "auth.invalid",
  "auth.forbidden",
  "request.rate_limited",
  "runner.stopping",
  "store.busy",
] as const;
const WITH_BODY = ["request.too_large", "request.timeout"] as const;
const WITH_KEY = ["request.idempotency_mismatch", "request.idempotency_interrupted"] as const;
const OF_WORKSPACE = ["workspace.unknown", "workspace.ambiguous", "workspace.interrupted"] as const;
/** First words of the codes of what goes wrong on the way to a place. */
const PLACE = ["ssh", "docker", "provision", "transport", "wire", "config", "runtime"];

let made: OpenApiDocument | undefined;

/** This API as an OpenAPI 3.1 document, made of the table of routes. */
export function openApiDocument(): OpenApiDocument {
  made ??= make();
  return made;
}

function make() {
  const schemas: Record<string, Schema> = {};
  const convert = (schema: z.ZodType): Schema => toSchema(schema, schemas);
  convert(errorResponse);
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of ROUTES as readonly Route[]) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route, convert) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Berth",
      version: VERSION,
      summary: "The runner's API",
      description: DESCRIPTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/", description: "The runner that serves this document." }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "`berth token create` makes one." },
      },
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1))),
    },
  } as const;
}

function operationOf(route: Route, convert: (schema: z.ZodType) => Schema): Operation {
  const parameters = parametersOf(route, convert);
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.scope === "none" ? { security: [] } : {}),
    "x-scope": route.scope,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(route, convert),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.responses).map(([status, response]) => [status, answerOf(response, convert)]),
      ),
      ...errorsOf(route),
    },
    ...(route.operationId === "attach"
      ? { "x-messages": { server: convert(attachServerMessage), client: convert(attachClientMessage) } }
      : {}),
  };
}

function parametersOf(route: Route, convert: (schema: z.ZodType) => Schema): Parameter[] {
  const of = (place: "path" | "query", object: z.ZodObject | undefined): Parameter[] => {
    if (object === undefined) return [];
    const { properties = {}, required = [] } = convert(object);
    return Object.entries(properties).map(([name, { description, ...schema }]) => ({
      name,
      in: place,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema,
    }));
  };
  const header = (name: string, description: string): Parameter => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  return [
    ...of("path", route.params),
    ...of("query", route.query),
    ...Object.entries(route.headers ?? {}).map(([name, text]) => header(name, text)),
    ...(route.idempotent === true
      ? [header("Idempotency-Key", "1 to 255 visible ASCII characters; a repeat is answered as the first.")]
      : []),
  ];
}

function bodyOf(route: Route, convert: (schema: z.ZodType) => Schema): Pick<Operation, "requestBody"> {
  if (route.bytes !== undefined) {
    return { requestBody: { required: true, content: { [route.bytes.contentType]: {} } } };
  }
  if (route.body === undefined) return {};
  const required = !route.body.safeParse(undefined).success;
  return { requestBody: { required, content: { "application/json": { schema: convert(route.body) } } } };
}

function answerOf(response: RouteResponse, convert: (schema: z.ZodType) => Schema): ResponseObject {
  const { description, schema, contentType, events } = response;
  const content: Record<string, Content[string]> = {};
  if (schema !== undefined) content["application/json"] = { schema: convert(schema) };
  if (contentType !== undefined) content[contentType] = {};
  if (events !== undefined) {
    const text = {
      type: "string",
      description: "Server-sent events; the data of each is JSON (x-event-data).",
    };
    content["text/event-stream"] = { schema: text, "x-event-data": convert(events) };
  }
  const headers = {
    "Berth-Request-Id": { description: "Id of the call.", schema: { type: "string" } },
  };
  return { description, headers, ...(Object.keys(content).length === 0 ? {} : { content }) };
}

/** Statuses that a call may be answered with from 400 on, and the codes of each. */
function errorCodesOf(route: Route): ReadonlyMap<number, readonly string[]> {
  const codes = new Set<string>([...EVERY, ...route.errors]);
  const add = (more: readonly ErrorCode[]): void => {
    for (const code of more) codes.add(code);
  };
  if (route.scope !== "none") add(WITH_TOKEN);
  if (route.body !== undefined || route.bytes !== undefined) add(WITH_BODY);
  if (route.body !== undefined) add(["request.unsupported_media_type"]);
  if (route.idempotent === true) add(WITH_KEY);
  if (route.upgrade !== undefined) add(["request.upgrade_required"]);
  if (route.path.includes("{workspace}") || route.place === true) add(OF_WORKSPACE);
  const isVerb = route.responses[202]?.schema !== undefined;
  for (const code of Object.keys(ERROR_REGISTRY)) {
    if (isVerb && code.startsWith("workspace.")) codes.add(code);
    if ((isVerb || route.place === true) && isFar(code)) codes.add(code);
  }
  const byStatus = Map.groupBy([...codes], (code) => ERROR_REGISTRY[code as ErrorCode].status);
  return new Map([...byStatus].sort(([a], [b]) => a - b));
}

function errorsOf(route: Route): Operation["responses"] {
  const responses: Record<string, ResponseObject> = {};
  for (const [status, codes] of errorCodesOf(route)) {
    const [far, near] = [codes.filter(isFar), codes.filter((code) => !isFar(code))];
    const groups = [...new Set(far.map((code) => `${code.split(".")[0]}.*`))];
    responses[status] = {
      ...(codes.some(saysWhen) ? { headers: RETRY_AFTER } : {}),
      description: [...near, ...groups].map((code) => `\`${code}\``).join(", "),
      content: { "application/json": { schema: { $ref: "#/components/schemas/ErrorResponse" } } },
    };
  }
  return responses;
}

/** Whether the answer has `Retry-After` (http/answer.ts). */
const saysWhen = (code: string): boolean => {
  const { status, retryable } = ERROR_REGISTRY[code as ErrorCode];
  return status === 429 || (status === 503 && retryable);
};
const RETRY_AFTER = {
  "Retry-After": {
    description: "Seconds until it is worth another try, where that is known.",
    schema: { type: "integer", minimum: 0 },
  },
};

/** Of the way to a place: told as a group. */
const isFar = (code: string): boolean => PLACE.includes(code.split(".")[0] ?? "");

/** The schema of a value as it is sent; what has an id goes to the components. */
function toSchema(schema: z.ZodType, components: Record<string, Schema>): Schema {
  const json = z.toJSONSchema(z.object({ value: schema }), {
    io: "input",
    unrepresentable: "any",
    override: ({ jsonSchema }) => tidy(jsonSchema),
  });
  const { properties, $defs = {} } = moveReferences(json) as {
    properties: { value: Schema };
    $defs?: Record<string, Schema>;
  };
  Object.assign(components, $defs);
  return properties.value;
}

/** A format says it already, and an integer is one that JSON can hold. */
function tidy(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.format !== undefined) delete schema.pattern;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

function moveReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moveReferences);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      key === "$ref" && typeof child === "string"
        ? child.replace("#/$defs/", "#/components/schemas/")
        : moveReferences(child),
    ]),
  );
}
