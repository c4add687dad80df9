import { shortBytes } from "../../ui/format.ts";
import type { FieldSpec, FormKind } from "./fields.ts";
import { FIELDS, typeOfKind } from "./fields.ts";

/** A configuration of a runtime as the API has it. */
export interface Config {
  readonly type: string;
  readonly [field: string]: unknown;
}

export type Cells = Readonly<Record<string, string | boolean>>;

export interface EnvRow {
  readonly name: string;
  readonly value: string;
  /** Stays as the runner has it: nobody is told the value. */
  readonly isKept: boolean;
}

export interface SecretDraft {
  readonly from: "" | "env" | "file" | "command";
  readonly text: string;
}

export type DraftValue = string | boolean | readonly Cells[] | readonly EnvRow[] | SecretDraft;

/** What stands in the form, by the names of its fields: texts as they were typed. */
export type Draft = Readonly<Record<string, DraftValue>>;

/** What is wrong, by the name of the field: "host", "mounts.0.target", "env.PATH". */
export type Problems = Readonly<Record<string, string>>;

const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const BYTES: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** "2 GiB", "512m", "1073741824" in bytes; undefined for what is no size. */
export function bytesOf(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (BYTES[(match[2] ?? "").toLowerCase()] ?? 1));
}

function textOfBytes(bytes: number): string {
  const short = shortBytes(bytes).replace(".0 ", " ");
  return bytesOf(short) === bytes ? short : String(bytes);
}

function valueAt(config: Config, name: string): unknown {
  return name
    .split(".")
    .reduce<unknown>(
      (value, part) =>
        typeof value === "object" && value !== null
          ? (value as Readonly<Record<string, unknown>>)[part]
          : undefined,
      config,
    );
}

function draftValue({ kind, name }: FieldSpec, config: Config): DraftValue {
  const value = valueAt(config, name);
  const rows = Array.isArray(value) ? (value as Readonly<Record<string, unknown>>[]) : [];
  const text = (given: unknown): string =>
    typeof given === "string" || typeof given === "number" ? String(given) : "";
  switch (kind) {
    case "flag":
      return value === true;
    case "bytes":
      return typeof value === "number" ? textOfBytes(value) : text(value);
    case "seconds":
      return typeof value === "number" ? String(value / 1000) : text(value);
    case "pathMap":
      return rows.map(({ host, container }) => ({ host: text(host), container: text(container) }));
    case "mounts":
      return rows.map(({ source, target, readOnly }) => ({
        source: text(source),
        target: text(target),
        readOnly: readOnly === true,
      }));
    case "ports":
      return rows.map(({ container, host, address, protocol }) => ({
        container: text(container),
        host: text(host),
        address: text(address),
        protocol: text(protocol),
      }));
    case "env":
      return Object.entries(typeof value === "object" && value !== null ? value : {}).map(
        ([name, value]): EnvRow => ({ name, value: String(value), isKept: true }),
      );
    case "secret":
      return secretDraft(value);
    default:
      return text(value);
  }
}

function secretDraft(value: unknown): SecretDraft {
  if (typeof value !== "object" || value === null) return { from: "", text: "" };
  const { env, file, command } = value as Readonly<Record<string, unknown>>;
  if (typeof env === "string") return { from: "env", text: env };
  if (typeof file === "string") return { from: "file", text: file };
  return { from: "command", text: Array.isArray(command) ? command.join("\n") : "" };
}

export function draftOf(kind: FormKind, config: Config = { type: typeOfKind(kind) }): Draft {
  return Object.fromEntries(FIELDS[kind].map((field) => [field.name, draftValue(field, config)]));
}

/** The configuration that a draft stands for; what is no number stays a text, for the schema to refuse. */
export function configOfDraft(kind: FormKind, draft: Draft): Config {
  const config: Record<string, unknown> = { type: typeOfKind(kind) };
  for (const field of FIELDS[kind]) {
    const value = configValue(field, draft[field.name]);
    if (value === undefined) continue;
    const [outer = "", inner] = field.name.split(".");
    if (inner === undefined) config[outer] = value;
    else config[outer] = { ...(config[outer] as object | undefined), [inner]: value };
  }
  return config as Config;
}

function configValue({ kind, required }: FieldSpec, value: DraftValue | undefined): unknown {
  if (typeof value === "boolean") return value || undefined;
  if (typeof value === "string") {
    const text = value.trim();
    if (text === "") return required ? "" : undefined;
    if (kind === "number") return numberOr(text);
    if (kind === "seconds") return scaled(text, 1000);
    if (kind === "bytes") return bytesOf(text) ?? text;
    return text;
  }
  if (value === undefined) return undefined;
  if (kind === "env") {
    const rows = (value as readonly EnvRow[]).filter(
      ({ name, value, isKept }) => isKept || name !== "" || value !== "",
    );
    return rows.length === 0 ? undefined : Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }
  if (kind === "secret") return secretValue(value as SecretDraft);
  const rows = (value as readonly Cells[]).filter(isFilled);
  return rows.length === 0 ? undefined : rows.map((row) => cellsValue(row));
}

/** A row in which nothing was typed yet counts as none. */
export function isFilled(row: Cells): boolean {
  return Object.entries(row).some(
    ([column, cell]) => column !== "protocol" && typeof cell === "string" && cell.trim() !== "",
  );
}

function cellsValue(row: Cells): Readonly<Record<string, unknown>> {
  const isPort = "protocol" in row;
  return Object.fromEntries(
    Object.entries(row).flatMap(([column, cell]): [string, unknown][] => {
      if (typeof cell === "boolean") return cell ? [[column, true]] : [];
      const text = cell.trim();
      if (isPort && (column === "container" || column === "host"))
        return text === "" && column === "host" ? [] : [[column, text === "" ? undefined : numberOr(text)]];
      return text === "" && isPort ? [] : [[column, text]];
    }),
  );
}

function secretValue({ from, text }: SecretDraft): unknown {
  if (from === "") return undefined;
  if (from === "command") return { command: text.split("\n").filter((line) => line.trim() !== "") };
  return { [from]: text.trim() };
}

function numberOr(text: string): number | string {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

function scaled(text: string, by: number): number | string {
  const value = numberOr(text);
  return typeof value === "number" ? Math.round(value * by) : value;
}

/** What the form itself knows to be wrong, before any schema looks at it. */
export function draftProblems(kind: FormKind, draft: Draft): Problems {
  const problems: Record<string, string> = {};
  for (const field of FIELDS[kind]) {
    const value = draft[field.name];
    if (typeof value === "string") {
      const problem = textProblem(field, value.trim());
      if (problem !== undefined) problems[field.name] = problem;
    } else if (field.kind === "env") {
      const rows = value as readonly EnvRow[];
      for (const { name } of rows)
        if (name !== "" && !ENV_NAME.test(name))
          problems[`env.${name}`] = "has to be letters, digits and _, not starting with a digit";
      for (const name of repeated(rows)) problems[`env.${name}`] = "is there twice";
      if (rows.some(({ name, value }) => name === "" && value !== ""))
        problems["env."] = "has to have a name";
    }
  }
  return problems;
}

function textProblem({ kind, required }: FieldSpec, text: string): string | undefined {
  if (text === "") return required ? "has to be given" : undefined;
  if (kind === "number" || kind === "seconds")
    return typeof numberOr(text) === "number" ? undefined : "has to be a number";
  if (kind === "bytes") return bytesOf(text) === undefined ? "has to be a size, such as 2 GiB" : undefined;
  return undefined;
}

function repeated(rows: readonly EnvRow[]): readonly string[] {
  const names = rows.map(({ name }) => name).filter((name) => name !== "");
  return names.filter((name, index) => names.indexOf(name) !== index);
}

/** Fields of the form that differ, as PATCH takes them: null removes one. What the form does not have stays. */
export function changedFields(
  kind: FormKind,
  before: Config,
  after: Config,
): Readonly<Record<string, unknown>> {
  const changed: Record<string, unknown> = {};
  for (const { name } of FIELDS[kind]) {
    const [outer = ""] = name.split(".");
    if (JSON.stringify(sorted(before[outer])) === JSON.stringify(sorted(after[outer]))) continue;
    changed[outer] = after[outer] ?? null;
  }
  return changed;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, sorted(item)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
