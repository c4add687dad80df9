import type { Runtime } from "../contract/runtime.ts";

/** What commands of a place run in. */
export interface PlaceShell {
  readonly name: "bash" | "sh";
  /** For `CommandOptions.shell`. */
  readonly path: string;
}

const SH: PlaceShell = { name: "sh", path: "/bin/sh" };
const found = new WeakMap<Runtime, Promise<PlaceShell>>();

/** bash where the place has one, else sh. Asks the place once in the life of a runtime. @throws what exec throws */
export function placeShell(runtime: Runtime): Promise<PlaceShell> {
  const known = found.get(runtime);
  if (known !== undefined) return known;
  const looking = look(runtime);
  found.set(runtime, looking);
  // A place that could not be asked is asked again by the next one.
  looking.catch(() => found.delete(runtime));
  return looking;
}

async function look(runtime: Runtime): Promise<PlaceShell> {
  const { stdout } = await runtime.exec("command -v bash || :", { cwd: "/", timeoutMs: 30_000 });
  const path = stdout.trim();
  return path.startsWith("/") ? { name: "bash", path } : SH;
}
