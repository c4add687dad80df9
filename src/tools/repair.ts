import * as z from "zod";
import type { ToolName } from "./tool.ts";

/** Names that models know from other tools, and what they are here. */
const FILE = { file_path: "path", filename: "path", file: "path" };
const EDIT = {
  old_string: "old_text",
  new_string: "new_text",
  old_str: "old_text",
  new_str: "new_text",
  insert_text: "new_text",
};
const DIRECTORY = { directory: "path", dir: "path", file_path: "path" };
const PROCESS = { bash_id: "process", process_id: "process", id: "process", name: "process" };
const OTHER_NAMES: Readonly<Record<ToolName, Readonly<Record<string, string>>>> = {
  bash: { cmd: "command", run_in_background: "background", workdir: "cwd", working_directory: "cwd" },
  bash_output: PROCESS,
  bash_input: { ...PROCESS, input: "text" },
  bash_kill: PROCESS,
  file_read: FILE,
  file_write: { ...FILE, contents: "content", file_text: "content" },
  file_edit: { ...FILE, ...EDIT },
  apply_patch: { input: "patch", diff: "patch" },
  list: DIRECTORY,
  glob: DIRECTORY,
  grep: {
    ...DIRECTORY,
    regex: "pattern",
    glob: "globs",
    include: "globs",
    "-i": "ignore_case",
    "-A": "after",
    "-B": "before",
    "-C": "context",
  },
};
/** Of an edit that is given beside the path, not in `edits`. */
const EDIT_FIELDS = ["old_text", "new_text", "replace_all", "insert_line"];

/** One slip may hide another: a list given as text, with other names in it. */
const MAX_ROUNDS = 4;

type Fields = Record<string, unknown>;

/**
 * Input that does not fit, with the slips mended that models often make, where only one thing can be meant and nothing is
 * lost by taking it so: other names of a field that is not given, numbers, truth values, lists and objects as text, one
 * thing in place of a list of one, an edit beside the path in place of `edits`. All else is told: a `timeout` whose unit
 * nobody knows, a field given twice, unknown fields.
 * @param given changed in its place
 */
export function mended<Input>(
  tool: ToolName,
  schema: z.ZodType<Input>,
  given: unknown,
): z.ZodSafeParseResult<Input> {
  let input = given;
  let parsed = schema.safeParse(input);
  for (let round = 0; !parsed.success && round < MAX_ROUNDS; round++) {
    for (const issue of parsed.error.issues) input = withoutSlip(tool, input, issue);
    parsed = schema.safeParse(input);
  }
  return parsed;
}

/** In one line what a tool takes; what may be left out has a question mark. */
export function formOf(schema: z.ZodType): string {
  return drawn(z.toJSONSchema(schema, { io: "input" }));
}

function withoutSlip(tool: ToolName, input: unknown, issue: z.core.$ZodIssue): unknown {
  if (issue.code === "unrecognized_keys") {
    const fields = at(input, issue.path);
    if (isFields(fields)) rename(tool, fields, issue.keys);
    return input;
  }
  if (issue.code !== "invalid_type") return input;
  const last = issue.path.at(-1);
  if (last === undefined) return meant(input, issue.expected);
  const holder = at(input, issue.path.slice(0, -1));
  if (!isHolder(holder)) return input;
  if (tool === "file_edit" && last === "edits" && holder.edits === undefined) takeEdit(holder);
  else if (holder[last] !== undefined) holder[last] = meant(holder[last], issue.expected);
  return input;
}

function rename(tool: ToolName, fields: Fields, unknown: readonly string[]): void {
  const names = OTHER_NAMES[tool];
  for (const key of unknown) {
    const name = Object.hasOwn(names, key) ? names[key] : undefined;
    if (name === undefined || Object.hasOwn(fields, name) || !Object.hasOwn(fields, key)) continue;
    fields[name] = fields[key];
    delete fields[key];
  }
}

/** `edits` of the fields of one edit that stand beside the path. */
function takeEdit(fields: Fields): void {
  rename("file_edit", fields, Object.keys(EDIT));
  const given = EDIT_FIELDS.filter((name) => Object.hasOwn(fields, name));
  if (given.length === 0) return;
  fields.edits = [Object.fromEntries(given.map((name) => [name, fields[name]]))];
  for (const name of given) delete fields[name];
}

/** What a value of another type stands for; the value itself where that is not clear. */
function meant(value: unknown, expected: string): unknown {
  if (expected === "array" && isFields(value)) return [value];
  if (typeof value !== "string") return value;
  const text = value.trim();
  if (expected === "number" || expected === "int") return /^-?\d+$/.test(text) ? Number(text) : value;
  if (expected === "boolean") return text === "true" ? true : text === "false" ? false : value;
  if (expected !== "array" && expected !== "object") return value;
  const parsed = parsedJson(text);
  if (expected === "object") return isFields(parsed) ? parsed : value;
  return Array.isArray(parsed) || isFields(parsed) ? parsed : [value];
}

/** With null as left out, as in all input. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => (value === null ? undefined : value));
  } catch {
    return undefined;
  }
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (isHolder(value) ? value[String(key)] : undefined), input);
}

function isFields(value: unknown): value is Fields {
  return isHolder(value) && !Array.isArray(value);
}

/** An object, or a list, whose keys are its numbers. */
function isHolder(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

function drawn(schema: z.core.JSONSchema.BaseSchema): string {
  const { properties = {}, required = [], items } = schema;
  const fields = Object.entries(properties).map(([name, field]) => {
    const inner = typeof field === "object" ? drawn(field) : "";
    return `${name}${required.includes(name) ? "" : "?"}${inner === "" ? "" : `: ${inner}`}`;
  });
  if (fields.length > 0) return `{ ${fields.join(", ")} }`;
  const item = typeof items === "object" && !Array.isArray(items) ? drawn(items) : "";
  return items === undefined ? "" : `[${item}]`;
}
