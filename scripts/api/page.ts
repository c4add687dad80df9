import type { OpenApiDocument } from "../../src/api/document.ts";
import {
  apiReference,
  type CallReference,
  type FieldRow,
  type TypeReference,
} from "../../src/api/reference.ts";

/** docs/api.md. */
export function apiPage(document: OpenApiDocument): string {
  const { description, groups, types } = apiReference(document);
  const index = groups.flatMap(({ name, calls }) =>
    calls.map(({ id, method, path, summary }) => [
      name,
      `[\`${method} ${path}\`](#${id.toLowerCase()})`,
      summary,
    ]),
  );
  return [
    "# The runner's API",
    "Generated from the table of routes in `src/api/` by `npm run docs`, as are the document that the runner serves\n(`/v1/openapi.json`), its page (`/v1/docs`) and the types of the client (`src/client/schema.ts`).",
    description,
    table(["", "call", "what it does"], index),
    ...groups.flatMap((group) => [`## ${group.name}`, group.description, ...group.calls.map(callText)]),
    "## Types",
    ...types.map(typeSection),
  ]
    .join("\n\n")
    .concat("\n");
}

function callText(call: CallReference): string {
  const { id, method, path, summary, description, scope, parameters, body, answers, errors } = call;
  const needs = scope === "none" ? "No token." : `Scope ${scope}.`;
  return [
    `### ${id}`,
    `\`${method} ${path}\`: ${summary}. ${needs}${description === undefined ? "" : ` ${description}`}`,
    fields(parameters.map((row) => ({ ...row, description: `In the ${row.place}. ${row.description}` }))),
    body === undefined ? "" : `Body: ${code(body.type)}`,
    body === undefined ? "" : fields(body.fields),
    body?.example === undefined ? "" : `\`\`\`json\n${body.example}\n\`\`\``,
    table(
      ["status", "answer"],
      [
        ...answers.map(({ status, description: text, type }) => [
          status,
          `${text}${type === "" ? "" : ` ${code(type)}`}`,
        ]),
        ...errors.map(({ status, codes }) => [status, codes]),
      ],
    ),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function typeSection({ name, description, forms, type }: TypeReference): string {
  return [`### ${name}`, description ?? "", ...(forms.length > 0 ? forms.map(fields) : [code(type)])]
    .filter((part) => part !== "")
    .join("\n\n");
}

function fields(rows: readonly FieldRow[]): string {
  if (rows.length === 0) return "";
  return table(
    ["field", "type", "meaning"],
    rows.map(({ name, type, required, description }) => [
      `${code(name)}${required ? "" : " ?"}`,
      code(type),
      description,
    ]),
  );
}

const code = (text: string): string => `\`${text}\``;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, "\\|").replace(/\n/g, " ")).join(" | ")} |`;
  return [line(head), `| ${head.map(() => "---").join(" | ")} |`, ...rows.map(line)].join("\n");
}
