import { stateDirectoryPath } from "../runtimes/state-directory.ts";
import type { OpenWorkspacesOptions, Workspaces } from "./api.ts";
import type { Lifecycle } from "./lifecycle/context.ts";
import { openRegistry } from "./registry/open.ts";

/** @throws what opening the registry throws */
export async function createWorkspaces(options: OpenWorkspacesOptions): Promise<Workspaces> {
  const stateDirectory = stateDirectoryPath(options.stateDirectory);
  const { database, events, onEvent } = options;
  const registry = await openRegistry(stateDirectory, { database, events });
  return new OpenedWorkspaces({ registry, stateDirectory, onEvent });
}

/** Every verb is a file of its own, loaded when it is called. */
class OpenedWorkspaces implements Workspaces {
  readonly #lifecycle: Lifecycle;
  #closed: Promise<void> | undefined;

  constructor(lifecycle: Lifecycle) {
    this.#lifecycle = lifecycle;
  }

  list: Workspaces["list"] = async (options = {}) => {
    const { list } = await import("./lifecycle/list.ts");
    return list(this.#lifecycle, options);
  };

  get: Workspaces["get"] = async (selector, selection) => {
    const { select } = await import("./lifecycle/select.ts");
    return select(this.#lifecycle, selector, selection);
  };

  history: Workspaces["history"] = async (selector, selection) => {
    const { select } = await import("./lifecycle/select.ts");
    const { id } = await select(this.#lifecycle, selector, selection);
    return this.#lifecycle.registry.history(id);
  };

  create: Workspaces["create"] = async (options) => {
    const { create } = await import("./lifecycle/create.ts");
    return create(this.#lifecycle, options);
  };

  init: Workspaces["init"] = async (selector, options = {}) => {
    const { init } = await import("./lifecycle/init.ts");
    return init(this.#lifecycle, selector, options);
  };

  fork: Workspaces["fork"] = async (selector, options) => {
    const { fork } = await import("./lifecycle/fork.ts");
    return fork(this.#lifecycle, selector, options);
  };

  stop: Workspaces["stop"] = async (selector, options = {}) => {
    const { stop } = await import("./lifecycle/stop.ts");
    return stop(this.#lifecycle, selector, options);
  };

  start: Workspaces["start"] = async (selector, options = {}) => {
    const { start } = await import("./lifecycle/stop.ts");
    return start(this.#lifecycle, selector, options);
  };

  status: Workspaces["status"] = async (selector, options = {}) => {
    const { status } = await import("./lifecycle/status.ts");
    return status(this.#lifecycle, selector, options);
  };

  pull: Workspaces["pull"] = async (selector, options = {}) => {
    const { pull } = await import("./lifecycle/pull.ts");
    return pull(this.#lifecycle, selector, options);
  };

  push: Workspaces["push"] = async (selector, options = {}) => {
    const { push } = await import("./lifecycle/push.ts");
    return push(this.#lifecycle, selector, options);
  };

  apply: Workspaces["apply"] = async (selector, options = {}) => {
    const { apply } = await import("./lifecycle/apply.ts");
    return apply(this.#lifecycle, selector, options);
  };

  rename: Workspaces["rename"] = async (selector, name, options = {}) => {
    const { rename } = await import("./lifecycle/rename.ts");
    return rename(this.#lifecycle, selector, name, options);
  };

  delete: Workspaces["delete"] = async (selector, options = {}) => {
    const { deleteWorkspace } = await import("./lifecycle/delete.ts");
    return deleteWorkspace(this.#lifecycle, selector, options);
  };

  async *diff(...[selector, options = {}]: Parameters<Workspaces["diff"]>): AsyncIterable<Uint8Array> {
    const { diff } = await import("./lifecycle/diff.ts");
    yield* diff(this.#lifecycle, selector, options);
  }

  changes: Workspaces["changes"] = async (selector, options = {}) => {
    const { changes } = await import("./lifecycle/diff.ts");
    return changes(this.#lifecycle, selector, options);
  };

  config: Workspaces["config"] = async (selector, selection = {}) => {
    const { config } = await import("./lifecycle/config.ts");
    return config(this.#lifecycle, selector, selection);
  };

  setConfig: Workspaces["setConfig"] = async (selector, changes, selection = {}) => {
    const { setConfig } = await import("./lifecycle/config.ts");
    return setConfig(this.#lifecycle, selector, changes, selection);
  };

  doctor: Workspaces["doctor"] = async () => {
    const { doctor } = await import("./lifecycle/doctor.ts");
    return doctor(this.#lifecycle);
  };

  garbage: Workspaces["garbage"] = async (options = {}) => {
    const { garbage } = await import("./lifecycle/garbage.ts");
    return garbage(this.#lifecycle, options);
  };

  runtimeConfig: Workspaces["runtimeConfig"] = async (selector, selection) => {
    const { select } = await import("./lifecycle/select.ts");
    const { runtimeConfigOf } = await import("./lifecycle/runtime.ts");
    return runtimeConfigOf(this.#lifecycle, await select(this.#lifecycle, selector, selection));
  };

  open: Workspaces["open"] = async (selector, options = {}) => {
    const { open } = await import("./lifecycle/open.ts");
    return open(this.#lifecycle, selector, options);
  };

  trust: Workspaces["trust"] = async (directory, trusted) => {
    const { trust } = await import("./lifecycle/trust.ts");
    return trust(this.#lifecycle, directory, trusted);
  };

  projects: Workspaces["projects"] = () => this.#lifecycle.registry.projects();

  close(): Promise<void> {
    this.#closed ??= Promise.resolve(this.#lifecycle.registry[Symbol.asyncDispose]());
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
