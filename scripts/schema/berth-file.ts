import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import * as berthFile from "../../src/contract/berth-file.ts";
import * as config from "../../src/contract/config.ts";
import * as fields from "../../src/contract/config-fields.ts";
import * as remote from "../../src/contract/config-remote.ts";
import * as ssh from "../../src/contract/config-ssh.ts";
import { DocComments } from "./doc-comments.ts";

/** Where the JSON Schema of berth.yaml is, from the root of the package. */
export const SCHEMA_PATH = "schema/berth.schema.json";

const contract = join(import.meta.dirname, "../../src/contract");
const MODULES = {
  "berth-file.ts": berthFile,
  "config.ts": config,
  "config-fields.ts": fields,
  "config-ssh.ts": ssh,
  "config-remote.ts": remote,
};

/** A node of a JSON Schema, as far as what follows uses it. */
export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
}

/** The JSON Schema of berth.yaml, by draft 7, which editors know; its words are the doc comments of the code. */
export function berthFileJsonSchema(): JsonSchema {
  const comments = new DocComments(
    Object.entries(MODULES).map(([file, exports]) => ({
      source: readFileSync(join(contract, file), "utf8"),
      exports,
    })),
  );
  const schema = z.toJSONSchema(berthFile.berthFileSchema, { target: "draft-7", io: "input" });
  // In text no two nodes are one object.
  const tree = JSON.parse(JSON.stringify(schema)) as Writable;
  describe(berthFile.berthFileSchema, tree, comments);
  return { title: "berth.yaml", ...tree };
}

type Writable = { -readonly [K in keyof JsonSchema]: JsonSchema[K] };

/** What zod's schemas are made of, as far as berth.yaml's are. */
interface Definition {
  readonly innerType?: z.core.$ZodType;
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>;
  readonly options?: readonly z.core.$ZodType[];
  readonly element?: z.core.$ZodType;
  readonly valueType?: z.core.$ZodType;
}

/** Puts the words of the code to the nodes that were made of it. */
function describe(schema: z.core.$ZodType, node: Writable, comments: DocComments): void {
  const { innerType, shape, options, element, valueType } = schema._zod.def as Definition;
  if (innerType !== undefined) describe(innerType, node, comments);
  for (const [field, inner] of Object.entries(shape ?? {})) {
    const property = node.properties?.[field] as Writable | undefined;
    if (property === undefined) continue;
    describe(inner, property, comments);
    const description = comments.ofField(schema, field);
    if (description !== undefined) property.description = description;
  }
  if (shape !== undefined) {
    const description = comments.ofObject(schema);
    if (description !== undefined) node.description = description;
  }
  for (const [index, option] of (options ?? []).entries()) {
    describe(option, node.anyOf?.[index] as Writable, comments);
  }
  if (element !== undefined) describe(element, node.items as Writable, comments);
  if (valueType !== undefined) describe(valueType, node.additionalProperties as Writable, comments);
}

export function berthFileSchemaText(): string {
  return `${JSON.stringify(berthFileJsonSchema(), null, 2)}\n`;
}
