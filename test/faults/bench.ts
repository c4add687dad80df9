import { globSync, readdirSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { OpenOptions, Runtime } from "../../src/contract/runtime.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { daemonPids, endDaemons } from "../conformance/place.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { type Proxy as FaultyNetwork, type ProxyOptions, proxy } from "../fixtures/network.ts";
import { waitFor } from "../fixtures/process.ts";

/** Loops run so often normally, and so often with BERTH_LONG=1. */
export function times(normally: number, long: number): number {
  return process.env.BERTH_LONG === "1" ? long : normally;
}

/** This machine with a daemon of the test's own, which is ended with it. */
export interface LocalBench extends AsyncDisposable {
  readonly stateDirectory: string;
  readonly workdir: string;
  open(options?: Pick<OpenOptions, "onEvent">): Promise<Runtime>;
  /** pid of the daemon that serves now. */
  daemon(): Promise<number>;
  /** Bytes of a process's log that its daemon has written. */
  logBytes(id: string): number;
  /** Puts a network with faults between clients to come and the daemon. */
  between(conditions?: Omit<ProxyOptions, "to">): Promise<FaultyNetwork>;
}

export async function localBench(stateDirectory?: string): Promise<LocalBench> {
  await using failed = new AsyncDisposableStack();
  const scratch = failed.use(await scratchDirectory());
  const state = stateDirectory ?? join(scratch.path, "state");
  failed.defer(() => endDaemons(state));
  const stack = failed.move();
  const open: LocalBench["open"] = async (options = {}) =>
    stack.use(
      await openRuntime({ type: "local", workdir: scratch.path }, { stateDirectory: state, ...options }),
    );
  return {
    stateDirectory: state,
    workdir: scratch.path,
    open,
    daemon: () => waitFor("a daemon serves", () => daemonPids(state)[0]),
    logBytes: (id) =>
      globSync(join(state, "run", "*", "*", "processes", id, "*.log")).reduce(
        (sum, path) => sum + statSync(path).size,
        0,
      ),
    between: async (conditions = {}) => {
      const run = join(state, "run");
      const [machine = ""] = readdirSync(run);
      const [protocol = ""] = readdirSync(join(run, machine));
      const socket = join(run, machine, protocol, "sock");
      await rename(socket, `${socket}.daemon`);
      const made = stack.use(await proxy({ ...conditions, to: { path: `${socket}.daemon` } }));
      if (!("path" in made.address)) throw new Error("the proxy listens on a unix socket");
      // A socket is what its inode is: under another name it is still the same.
      await rename(made.address.path, socket);
      return made;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
