import { isDeepStrictEqual } from "node:util";
import { parseRuntimeConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import type { StoredRuntimeConfig } from "../../contract/workspace.ts";
import { RUNTIME_TYPES } from "../../runtimes/factory.ts";
import type { Selection } from "../api.ts";
import { type Lifecycle, record } from "./context.ts";
import { whole } from "./init.ts";
import { select } from "./select.ts";

/** What says in which place a workspace stands, and where there: elsewhere its checkout would not be found. */
const WHERE = [
  "type",
  "workspace",
  "workdir",
  "baseDir",
  "host",
  "user",
  "port",
  "containerId",
  "image",
  "name",
  "engine",
  "pathMap",
] as const;

/** @throws workspace.unknown, workspace.ambiguous */
export async function config(
  lifecycle: Lifecycle,
  selector: string,
  selection: Selection,
): Promise<StoredRuntimeConfig> {
  return (await select(lifecycle, selector, selection)).runtime;
}

/**
 * Changes fields of a workspace's configuration: validated as a whole, applied when it is opened next; what needs
 * another container when it is started next. Undefined removes a field.
 * @throws workspace.config_immutable, config.invalid, runtime.type_unsupported, workspace.busy
 */
export async function setConfig(
  lifecycle: Lifecycle,
  selector: string,
  changes: Readonly<Record<string, unknown>>,
  selection: Selection,
): Promise<StoredRuntimeConfig> {
  const found = await select(lifecycle, selector, selection);
  await using operation = await lifecycle.registry.operation(found.id, "config");
  const workspace = await whole(lifecycle, operation);
  const before = workspace.runtime;
  if (!RUNTIME_TYPES.some((type) => type === before.type)) {
    throw berthError("runtime.type_unsupported", { context: { type: before.type } });
  }
  const now: Record<string, unknown> = { ...before };
  for (const [field, value] of Object.entries(changes)) {
    if (value === undefined) delete now[field];
    else now[field] = value;
  }
  for (const field of WHERE) {
    if (isDeepStrictEqual(now[field], (before as Readonly<Record<string, unknown>>)[field])) continue;
    throw berthError("workspace.config_immutable", { context: { field, name: workspace.name } });
  }
  const valid = parseRuntimeConfig(now, `configuration of ${workspace.name}`);
  const { runtime } = await lifecycle.registry.update(workspace.id, { runtime: valid });
  const fields = Object.keys(changes);
  await record(lifecycle, workspace, "workspace.configured", `${fields.join(", ")} changed`, { fields });
  return runtime;
}
