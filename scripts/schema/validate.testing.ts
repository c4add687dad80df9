import type { JsonSchema } from "./berth-file.ts";

type Check = (value: unknown, wanted: never, schema: JsonSchema) => boolean;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  number: (value) => typeof value === "number",
  integer: Number.isInteger,
};

/** The keywords of draft 7 that the schema of berth.yaml uses; each is true of values that it is not about. */
const KEYWORDS: Readonly<Record<string, Check>> = {
  type: (value, type: string) => TYPES[type]?.(value) ?? false,
  const: (value, wanted: unknown) => value === wanted,
  enum: (value, wanted: readonly unknown[]) => wanted.includes(value),
  pattern: (value, pattern: string) => typeof value !== "string" || new RegExp(pattern, "u").test(value),
  minLength: (value, length: number) => typeof value !== "string" || value.length >= length,
  minimum: (value, limit: number) => typeof value !== "number" || value >= limit,
  maximum: (value, limit: number) => typeof value !== "number" || value <= limit,
  exclusiveMinimum: (value, limit: number) => typeof value !== "number" || value > limit,
  minItems: (value, length: number) => !Array.isArray(value) || value.length >= length,
  items: (value, items: JsonSchema) => !Array.isArray(value) || value.every((item) => isValid(items, item)),
  anyOf: (value, options: readonly JsonSchema[]) => options.some((option) => isValid(option, value)),
  required: (value, fields: readonly string[]) =>
    !isObject(value) || fields.every((field) => Object.hasOwn(value, field)),
  properties: (value, properties: Readonly<Record<string, JsonSchema>>) =>
    !isObject(value) ||
    Object.entries(properties).every(
      ([field, schema]) => !Object.hasOwn(value, field) || isValid(schema, value[field]),
    ),
  propertyNames: (value, names: JsonSchema) =>
    !isObject(value) || Object.keys(value).every((name) => isValid(names, name)),
  additionalProperties: (value, other: boolean | JsonSchema, { properties = {} }) =>
    !isObject(value) ||
    Object.entries(value).every(
      ([field, inner]) =>
        Object.hasOwn(properties, field) || (typeof other === "boolean" ? other : isValid(other, inner)),
    ),
};

const ANNOTATIONS = ["$schema", "title", "description", "default"];

/** Whether a value is what a JSON Schema says. @throws Error for a keyword that is not known here */
export function isValid(schema: JsonSchema, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    if (ANNOTATIONS.includes(keyword)) return true;
    const check = KEYWORDS[keyword];
    if (check === undefined) throw new Error(`the keyword ${keyword} is not known`);
    return check(value, wanted as never, schema);
  });
}
