import type { Command } from "commander";
import type { StoredRuntimeConfig } from "../../../contract/workspace.ts";
import { collect } from "../../arguments.ts";
import { usageError } from "../../errors.ts";
import { printJson, table } from "../../print.ts";
import type { RunnerFlags } from "../../runner/target.ts";
import { withWorkspaces } from "../../workspaces.ts";

interface ConfigFlags extends RunnerFlags {
  readonly set?: string[];
  readonly unset?: string[];
  readonly json?: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

export function addConfigWord(workspace: Command): void {
  workspace
    .command("config")
    .description("show or change the runtime configuration of a workspace")
    .argument("<workspace>")
    .option(
      "--set <field=value>",
      "set a field, such as env.MODE=test; JSON, else text (repeatable)",
      collect,
    )
    .option("--unset <field>", "remove a field (repeatable)", collect)
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nWhat says where the workspace stands can't be changed: fork it to another place. docs/berth-yaml.md has the fields.",
    )
    .action(async (name: string, flags: ConfigFlags) => {
      const assignments = (flags.set ?? []).map(parseAssignment);
      const removals = (flags.unset ?? []).map((field) => ({ path: parsePath(field), value: undefined }));
      const edits = [...assignments, ...removals];
      const config = await withWorkspaces(async (workspaces) => {
        const before = await workspaces.config(name);
        return edits.length === 0 ? before : workspaces.setConfig(name, changesOf(before, edits));
      }, flags);
      if (flags.json) printJson(config);
      else process.stdout.write(table(flattened(config)));
    });
}

export interface Edit {
  readonly path: readonly string[];
  /** undefined removes the field. */
  readonly value: unknown;
}

function parsePath(text: string): string[] {
  const path = text.split(".");
  if (path.every((part) => /^\w+$/.test(part)) && !path.includes("__proto__")) return path;
  throw usageError(`"${text}" is not a field`, "Give its name, dotted where it is in another one: env.MODE.");
}

/** "env.MODE=test": a value that is JSON is that, but for the environment, which is text throughout. */
export function parseAssignment(text: string): Edit {
  const equals = text.indexOf("=");
  if (equals === -1)
    throw usageError(`"${text}" sets nothing`, "Give FIELD=VALUE, such as workdir=/srv/app.");
  const path = parsePath(text.slice(0, equals));
  const value = text.slice(equals + 1);
  if (path[0] === "env" && path.length > 1) return { path, value };
  try {
    return { path, value: JSON.parse(value) };
  } catch {
    return { path, value };
  }
}

/** The top-level fields that change, each as a whole. */
export function changesOf(config: StoredRuntimeConfig, edits: readonly Edit[]): Record<string, unknown> {
  const before: Fields = config;
  const changes: Record<string, unknown> = {};
  for (const { path, value } of edits) {
    const [top = "", ...rest] = path;
    const current = Object.hasOwn(changes, top) ? changes[top] : before[top];
    changes[top] = rest.length === 0 ? value : edited(current, rest, value);
  }
  return changes;
}

/** A copy of an object or list with one field changed; an object that gets empty goes with its last field. */
function edited(current: unknown, path: readonly string[], value: unknown): unknown {
  const [field = "", ...rest] = path;
  if (Array.isArray(current)) {
    const at = /^\d+$/.test(field) ? Number(field) : -1;
    if (at < 0 || at > current.length) {
      throw usageError(`a list has no entry "${field}"`, `Its entries are 0 to ${current.length - 1}.`);
    }
    const next = rest.length === 0 ? value : edited(current[at], rest, value);
    return next === undefined ? current.toSpliced(at, 1) : current.toSpliced(at, 1, next);
  }
  const object: Fields = typeof current === "object" && current !== null ? (current as Fields) : {};
  const { [field]: old, ...others } = object;
  const next = rest.length === 0 ? value : edited(old, rest, value);
  const result = next === undefined ? others : { ...object, [field]: next };
  return Object.keys(result).length === 0 ? undefined : result;
}

/** Fields as `--set` takes them, one a row. */
function flattened(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    return Object.entries(value).flatMap(([field, inner]) => flattened(inner, [...path, field]));
  }
  return [[path.join("."), typeof value === "string" ? value : JSON.stringify(value)]];
}
