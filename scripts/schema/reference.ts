import type { JsonSchema } from "./berth-file.ts";

/** The tables of docs/berth-yaml.md: every field that the schema has. */
export function berthFileReference(schema: JsonSchema): string {
  const runtimes = schema.properties?.runtimes?.additionalProperties as JsonSchema;
  const kinds = (runtimes.anyOf ?? []).filter(({ type }) => type === "object");
  const [first, ...others] = kinds;
  const everywhere = Object.keys(first?.properties ?? {}).filter((field) =>
    others.every(({ properties }) => properties?.[field] !== undefined),
  );
  const common = { ...first, properties: pick(first, (field) => everywhere.includes(field)) };
  return [
    `### The file\n\n${table(schema)}`,
    `### \`workspaces\`\n\n${table(schema.properties?.workspaces)}`,
    `### Every runtime\n\n${table({ ...common, properties: pick(common, (field) => field !== "type") })}`,
    ...kinds.map((kind) => section(kind, everywhere)),
  ].join("\n");
}

function section(kind: JsonSchema, everywhere: readonly string[]): string {
  const type = String(kind.properties?.type?.const);
  const by = ["containerId", "image"].find((field) => kind.required?.includes(field));
  const own = { ...kind, properties: pick(kind, (field) => !everywhere.includes(field)) };
  const title = `### \`type: ${type}\`${by === undefined ? "" : ` with \`${by}\``}`;
  const rows = Object.keys(own.properties).length === 0 ? "" : `\n${table(own)}`;
  return `${title}\n\n${kind.description ?? ""}\n${rows}`;
}

function pick(schema: JsonSchema | undefined, wanted: (field: string) => boolean) {
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).filter(([field]) => wanted(field)));
}

function table(schema: JsonSchema | undefined): string {
  return `| field | value | meaning |\n| --- | --- | --- |\n${rows(schema, "").join("\n")}\n`;
}

function rows(schema: JsonSchema | undefined, prefix: string): string[] {
  const isNeeded = ([field]: readonly [string, JsonSchema]): boolean =>
    schema?.required?.includes(field) ?? false;
  const fields = Object.entries(schema?.properties ?? {});
  return fields
    .sort((a, b) => Number(isNeeded(b)) - Number(isNeeded(a)))
    .flatMap(([field, value]) => {
      const name = `${prefix}${field}`;
      const needed = isNeeded([field, value]) ? " (needed)" : "";
      const row = `| \`${name}\`${needed} | ${cell(valueText(value))} | ${cell(value.description ?? "")} |`;
      // What has a table of its own is not taken apart.
      const nested = prefix === "" && ["runtimes", "workspaces"].includes(field) ? undefined : inner(value);
      return [row, ...(nested === undefined ? [] : rows(nested.schema, `${name}${nested.suffix}.`))];
    });
}

function inner(value: JsonSchema): { schema: JsonSchema; suffix: string } | undefined {
  if (value.properties !== undefined) return { schema: value, suffix: "" };
  if (value.items?.properties !== undefined) return { schema: value.items, suffix: "[]" };
  return undefined;
}

function valueText(value: JsonSchema): string {
  if (value.const !== undefined) return `\`${value.const}\``;
  if (value.enum !== undefined) return value.enum.map((one) => `\`${one}\``).join(", ");
  if (value.anyOf !== undefined) return [...new Set(value.anyOf.map(alternative))].join(" or ");
  if (value.type === "array") return `list of ${valueText(value.items ?? {})}`;
  if (value.type === "object") return value.properties === undefined ? "names with values" : "fields";
  return TYPES[value.type ?? ""] ?? "";
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "`true`, `false`",
  integer: "whole number",
  number: "number",
};

/** "{ env: text }", as it is written. */
function alternative(value: JsonSchema): string {
  const fields = Object.entries(value.properties ?? {}).map(
    ([field, one]) => `${field}: ${one.type === "array" ? "[…]" : '"…"'}`,
  );
  return fields.length === 0 ? valueText(value) : `\`{ ${fields.join(", ")} }\``;
}

function cell(text: string): string {
  return text.replace(/\|/g, "\\|");
}
