import type { OpenApiDocument, Operation, Parameter, Schema } from "../../src/api/document.ts";

const HEADER = `// Written by npm run docs from the table of routes (src/api/): types in the shape that openapi-fetch reads. Do not edit.
`;
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;

/** The types of src/client/schema.ts. */
export function clientTypes(document: OpenApiDocument): string {
  const operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  return [
    HEADER,
    `interface ErrorAnswer {
  headers: { [name: string]: unknown };
  content: { "application/json": components["schemas"]["ErrorResponse"] };
}\n`,
    `export interface paths {${Object.entries(document.paths)
      .map(([path, item]) => `  ${JSON.stringify(path)}: ${pathType(item)};`)
      .join("\n")}}\n`,
    `export interface components {
  schemas: {${Object.entries(document.components.schemas)
    .map(([name, schema]) => field(name, schema, true))
    .join("\n")}};
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}\n`,
    `export interface operations {${operations.map((operation) => `${operation.operationId}: ${operationType(operation)};`).join("\n")}}\n`,
  ].join("\n");
}

function pathType(item: Readonly<Record<string, Operation>>): string {
  const methods = METHODS.map((method) => {
    const operation = item[method];
    return operation === undefined
      ? `${method}?: never;`
      : `${method}: operations[${JSON.stringify(operation.operationId)}];`;
  });
  return `{ parameters: ${parametersType([])}; ${methods.join(" ")} }`;
}

function operationType({ parameters = [], requestBody, responses }: Operation): string {
  const body =
    requestBody === undefined
      ? "requestBody?: never"
      : `requestBody${requestBody.required ? "" : "?"}: { content: ${contentType(requestBody.content)} }`;
  // Errors of all statuses are alike: they are the type of every other status.
  const answers = Object.entries(responses)
    .filter(([status]) => Number(status) < 400)
    .map(
      ([status, { content }]) =>
        `${status}: { headers: { [name: string]: unknown }; content${content === undefined ? "?: never" : `: ${contentType(content)}`} };`,
    );
  return `{ parameters: ${parametersType(parameters)}; ${body}; responses: { ${answers.join(" ")} default: ErrorAnswer } }`;
}

function parametersType(parameters: readonly Parameter[]): string {
  const places = (["query", "header", "path", "cookie"] as const).map((place) => {
    const own = parameters.filter((parameter) => parameter.in === place);
    if (own.length === 0) return `${place}?: never;`;
    const optional = own.every(({ required }) => !required);
    const fields = own.map(({ name, schema, required, description }) =>
      field(name, { ...schema, ...(description === undefined ? {} : { description }) }, required),
    );
    return `${place}${optional ? "?" : ""}: {${fields.join("\n")}};`;
  });
  return `{ ${places.join(" ")} }`;
}

/** What is no JSON is bytes: how they are sent and read is the caller's choice (`bodySerializer`, `parseAs`). */
function contentType(content: Readonly<Record<string, { readonly schema?: Schema }>>): string {
  const types = Object.entries(content).map(
    ([name, { schema }]) => `${JSON.stringify(name)}: ${schema === undefined ? "unknown" : typeOf(schema)};`,
  );
  return `{ ${types.join(" ")} }`;
}

function field(name: string, schema: Schema, required: boolean): string {
  const comment =
    schema.description === undefined ? "" : `\n/** ${schema.description.replaceAll("*/", "* /")} */\n`;
  return `${comment}${JSON.stringify(name)}${required ? "" : "?"}: ${typeOf(schema)};`;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    return `components["schemas"][${JSON.stringify(schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1))}]`;
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const parts = schema.anyOf ?? schema.oneOf;
  if (parts !== undefined) return parts.map((part) => `(${typeOf(part)})`).join(" | ");
  if (Array.isArray(schema.type)) {
    return schema.type.map((type: string) => typeOf({ ...schema, type })).join(" | ");
  }
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `(${schema.items === undefined ? "unknown" : typeOf(schema.items)})[]`;
    case "object":
      return objectType(schema);
    default:
      return "unknown";
  }
}

function objectType({ properties, required = [], additionalProperties }: Schema): string {
  const fields = Object.entries(properties ?? {}).map(([name, schema]) =>
    field(name, schema, required.includes(name)),
  );
  const rest =
    typeof additionalProperties !== "object"
      ? ""
      : `[name: string]: ${fields.length > 0 ? "unknown" : typeOf(additionalProperties)};`;
  if (fields.length === 0 && rest === "") return "Record<string, never>";
  return `{ ${fields.join("\n")} ${rest} }`;
}
