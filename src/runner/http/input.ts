import type { IncomingHttpHeaders } from "node:http";
import type * as z from "zod";
import { berthError } from "../../contract/errors.ts";

/** Longest unknown name that is told back: longer ones may be anything, such as a token in the wrong place. */
const MAX_TOLD_NAME = 40;

type Part = "params" | "query" | "body";

/**
 * One part of a call by its schema.
 * @throws request.invalid: `fields` names what is wrong; values are never told back
 */
export function validate<Schema extends z.ZodType>(
  part: Part,
  schema: Schema,
  value: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap((issue) => problemsOf(part, issue)));
}

interface Problem {
  readonly field: string;
  readonly reason: string;
}

export function invalid(problems: readonly Problem[]): Error {
  return berthError("request.invalid", {
    hop: "runner",
    message: `the request is not valid: ${problems.map(({ field, reason }) => `${field}: ${reason}`).join("; ")}`,
    context: { fields: problems.map(({ field }) => field) },
  });
}

function problemsOf(part: Part, issue: z.core.$ZodIssue): Problem[] {
  const field = [part, ...issue.path.map((key) => told(String(key)))].join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      field: `${field}.${told(key)}`,
      reason: "is not a field of this call",
    }));
  }
  if (issue.code === "invalid_union") {
    // Of the alternatives the one that came furthest is what was meant.
    const [closest] = issue.errors.toSorted((a, b) => depthOf(b) - depthOf(a));
    if (closest !== undefined && depthOf(closest) > 0) {
      return closest.flatMap((inner) => problemsOf(part, { ...inner, path: [...issue.path, ...inner.path] }));
    }
    const reasons = new Set(issue.errors.flat().map(({ message }) => message));
    return [{ field, reason: [...reasons].join(", or ") || issue.message }];
  }
  return [{ field, reason: issue.message }];
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map(({ path }) => path.length));
}

function told(name: string): string {
  return name.length <= MAX_TOLD_NAME && /^[\w.-]+$/.test(name) ? name : "…";
}

type Kind = "text" | "number" | "boolean" | "list";

/**
 * A query as its schema wants it: texts become numbers, booleans and lists where the schema has such, and are left as
 * they are, for the schema to refuse, where they don't look like one.
 * @throws request.invalid
 */
export function readQuery(schema: z.ZodObject, target: string): Record<string, unknown> {
  const query: Record<string, unknown> = Object.create(null);
  const start = target.indexOf("?");
  if (start === -1) return { ...query };
  const kinds = kindsOf(schema);
  for (const pair of target.slice(start + 1).split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    const text = decode(equals === -1 ? "" : pair.slice(equals + 1));
    const kind = kinds.get(name);
    if (kind === "list") {
      query[name] = [...((query[name] as string[] | undefined) ?? []), text];
      continue;
    }
    if (name in query) throw invalid([{ field: `query.${told(name)}`, reason: "is given twice" }]);
    query[name] = kind === undefined ? text : typed(kind, text);
  }
  return { ...query };
}

/** @throws request.invalid: not percent-encoded UTF-8 */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw invalid([{ field: "query", reason: "is not percent-encoded UTF-8" }]);
  }
}

function typed(kind: Kind, text: string): unknown {
  if (kind === "number") return /^-?\d{1,16}$/.test(text) ? Number(text) : text;
  if (kind === "boolean") return text === "true" ? true : text === "false" ? false : text;
  return text;
}

const known = new WeakMap<z.ZodObject, ReadonlyMap<string, Kind>>();

function kindsOf(schema: z.ZodObject): ReadonlyMap<string, Kind> {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const kinds = new Map(Object.entries(schema.shape).map(([name, field]) => [name, kindOf(field)]));
  known.set(schema, kinds);
  return kinds;
}

function kindOf(schema: z.core.$ZodType): Kind {
  const { def } = schema._zod;
  if ("innerType" in def) return kindOf(def.innerType as z.core.$ZodType);
  if (def.type === "number" || def.type === "boolean") return def.type;
  return def.type === "array" ? "list" : "text";
}

/** Number of the event that a client has seen last. @throws request.invalid */
export function lastEventId({ "last-event-id": header }: IncomingHttpHeaders): number | undefined {
  if (header === undefined || header === "") return undefined;
  const number = Number(header);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw invalid([{ field: "headers.last-event-id", reason: "is not one of this stream" }]);
}

/** That a request to upgrade asks for a WebSocket with this subprotocol. @throws request.invalid */
export function requireHandshake(headers: IncomingHttpHeaders, protocol: string): void {
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((text) => text.trim());
  if (!offered.includes(protocol)) {
    throw invalid([{ field: "headers.sec-websocket-protocol", reason: `has to offer ${protocol}` }]);
  }
  if (headers["sec-websocket-version"] !== "13" || headers["sec-websocket-key"]?.length !== 24) {
    throw invalid([{ field: "headers.sec-websocket-version", reason: "has to be 13, with a key" }]);
  }
}
