import type { Content, OpenApiDocument, Operation, Schema } from "./document.ts";

/** A field as pages tell it. */
export interface FieldRow {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** A call as pages tell it. */
export interface CallReference {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  readonly description: string | undefined;
  readonly scope: string;
  readonly parameters: readonly (FieldRow & { readonly place: string })[];
  readonly body:
    | { readonly type: string; readonly fields: readonly FieldRow[]; readonly example: string | undefined }
    | undefined;
  readonly answers: readonly {
    readonly status: string;
    readonly description: string;
    readonly type: string;
  }[];
  readonly errors: readonly { readonly status: string; readonly codes: string }[];
}

export interface TypeReference {
  readonly name: string;
  readonly description: string | undefined;
  /** Fields of each of its forms; none of a type that is no object. */
  readonly forms: readonly (readonly FieldRow[])[];
  readonly type: string;
}

export interface ApiReference {
  readonly title: string;
  readonly description: string;
  readonly groups: readonly {
    readonly name: string;
    readonly description: string;
    readonly calls: readonly CallReference[];
  }[];
  readonly types: readonly TypeReference[];
}

/** The document as its pages tell it: docs/api.md and the runner's own. */
export function apiReference(document: OpenApiDocument): ApiReference {
  const calls = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      tag: operation.tags[0],
      call: callOf(method.toUpperCase(), path, operation),
    })),
  );
  return {
    title: `${document.info.title} ${document.info.version}`,
    description: document.info.description,
    groups: document.tags.map(({ name, description }) => ({
      name,
      description,
      calls: calls.filter(({ tag }) => tag === name).map(({ call }) => call),
    })),
    types: Object.entries(document.components.schemas).map(([name, schema]) => ({
      name,
      description: schema.description,
      forms: (schema.oneOf ?? schema.anyOf ?? [schema]).map(fieldsOf).filter((form) => form.length > 0),
      type: typeText(schema),
    })),
  };
}

function callOf(method: string, path: string, operation: Operation): CallReference {
  const responses = Object.entries(operation.responses);
  const body = operation.requestBody?.content;
  return {
    id: operation.operationId,
    method,
    path,
    summary: operation.summary,
    description: operation.description,
    scope: operation["x-scope"],
    parameters: (operation.parameters ?? []).map(({ name, in: place, required, description, schema }) => ({
      name,
      place,
      required,
      type: typeText(schema),
      description: sentence(description, schema),
    })),
    body: body && bodyOf(body),
    answers: responses
      .filter(([status]) => Number(status) < 400)
      .map(([status, { description, content }]) => ({ status, description, type: contentText(content) })),
    errors: responses
      .filter(([status]) => Number(status) >= 400)
      .map(([status, { description }]) => ({ status, codes: description })),
  };
}

function bodyOf(content: Content): CallReference["body"] {
  const schema = content["application/json"]?.schema;
  const example = schema?.examples?.[0];
  return {
    type: contentText(content),
    fields: schema === undefined ? [] : fieldsOf(schema),
    example: example === undefined ? undefined : JSON.stringify(example, null, 2),
  };
}

function fieldsOf({ properties = {}, required = [] }: Schema): FieldRow[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    type: typeText(schema),
    required: required.includes(name),
    description: sentence(schema.description, schema),
  }));
}

function contentText(content: Content | undefined): string {
  return Object.entries(content ?? {})
    .map(([type, { schema, "x-event-data": event }]) => {
      if (event !== undefined) return `server-sent events of ${typeText(event)}`;
      return schema === undefined ? type : typeText(schema);
    })
    .join(", or ");
}

function sentence(description: string | undefined, schema: Schema): string {
  const parts = [
    description,
    schema.default === undefined ? undefined : `Default ${JSON.stringify(schema.default)}.`,
  ];
  return parts.filter((part) => part !== undefined).join(" ");
}

/** A type in a few words; names of types as they are. */
function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return parts.map(typeText).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  if (schema.format === "date-time") return "time";
  if (schema.type === "array") return `list of ${typeText(schema.items ?? {})}`;
  if (schema.type === "object") return objectText(schema);
  return `${String(schema.type ?? "any")}${rangeText(schema)}`;
}

function objectText({ properties, additionalProperties }: Schema): string {
  if (properties !== undefined) return `{ ${Object.keys(properties).join(", ")} }`;
  return typeof additionalProperties === "object" ? `map of ${typeText(additionalProperties)}` : "object";
}

function rangeText({ minimum, maximum, type }: Schema): string {
  if (type !== "integer" && type !== "number") return "";
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum} to ${maximum}`;
  return minimum === undefined ? "" : ` ≥ ${minimum}`;
}
