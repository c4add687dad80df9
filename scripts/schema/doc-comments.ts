import type * as z from "zod";

/** A constant of a module that describes fields: a schema of an object, or the fields that several of them share. */
interface Described {
  /** What stands before the constant. */
  readonly text: string | undefined;
  /** What stands before its fields. */
  readonly fields: ReadonlyMap<string, string>;
  readonly shape: Shape;
}

type Shape = Readonly<Record<string, unknown>>;

/** A module as text and as it is loaded. */
export interface SchemaModule {
  readonly source: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** What doc comments say of schemas and their fields, so that it stands in the code alone. */
export class DocComments {
  readonly #described: Described[];

  constructor(modules: readonly SchemaModule[]) {
    this.#described = modules.flatMap(({ source, exports }) =>
      blocks(source).flatMap(({ name, text, fields }) => {
        const shape = shapeOf(exports[name]);
        return shape === undefined ? [] : [{ text, fields, shape }];
      }),
    );
  }

  /** Of an object: the doc comment of the constant that it is, or that it is a part of. */
  ofObject(schema: unknown): string | undefined {
    const shape = shapeOf(schema);
    if (shape === undefined) return undefined;
    const best = this.#nearest(shape, ({ text }) => text !== undefined);
    // A constant that only shares some fields is another one.
    const fields = Object.keys(shape);
    const same = best !== undefined && fields.every((field) => best.shape[field] === shape[field]);
    return same ? best.text : undefined;
  }

  /** Of a field; one that several constants share has the words of the one that has most in common. */
  ofField(schema: unknown, field: string): string | undefined {
    const shape = shapeOf(schema) ?? {};
    return this.#nearest(
      shape,
      (one) => one.fields.has(field) && one.shape[field] === shape[field],
    )?.fields.get(field);
  }

  #nearest(shape: Shape, fits: (one: Described) => boolean): Described | undefined {
    const common = (one: Described): number =>
      Object.keys(one.shape).filter((field) => one.shape[field] === shape[field]).length;
    const size = (one: Described): number => Object.keys(one.shape).length;
    return this.#described.filter(fits).sort((a, b) => common(b) - common(a) || size(a) - size(b))[0];
  }
}

/** Constants that span lines, with their doc comments and those of their fields. */
function blocks(source: string): { name: string; text: string | undefined; fields: Map<string, string> }[] {
  const found = source.matchAll(
    /(?:^\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^(?:export )?const (\w+) = ([^\n]*;$|[\s\S]*?\n[)}\]].*;$)/gm,
  );
  return [...found].map(([, comment, name = "", body = ""]) => {
    const documented = body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:z\.strictObject\(\{ )?(\w+)\b/g);
    return {
      name,
      text: comment === undefined ? undefined : words(comment),
      fields: new Map([...documented].map(([, text = "", field = ""]) => [field, words(text)])),
    };
  });
}

function words(comment: string): string {
  return comment
    .replace(/^\s*\* ?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** The fields of an object's schema; of a union, those of all of its members. */
function shapeOf(value: unknown): Shape | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!("_zod" in value)) return value as Shape;
  const { def } = (value as z.ZodType)._zod as { def: { shape?: Shape; options?: readonly unknown[] } };
  if (def.shape !== undefined) return def.shape;
  if (def.options === undefined) return undefined;
  return Object.assign({}, ...def.options.map(shapeOf)) as Shape;
}
