import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { VERSION } from "../src/contract/version.ts";
import { createDaemonRuntime } from "../src/runtimes/daemon/runtime.ts";
import { localRunDirectory } from "../src/runtimes/state-directory.ts";
import { connectWire } from "../src/wire/connection.ts";
import { proxy } from "../test/fixtures/network.ts";
import { median, timed } from "./measure.ts";

export interface StatUnderLoad {
  readonly idleMs: number;
  readonly loadedMs: number;
}

/** stat in a runtime whose one connection goes through a network with a delay each way and a rate, idle and loaded. */
export async function statUnderLoad(options: {
  readonly state: string;
  readonly delayMs: number;
  readonly bytesPerSecond: number | undefined;
  readonly bytes: number;
}): Promise<StatUnderLoad> {
  const run = await localRunDirectory(options.state);
  const token = (await readFile(join(run, "token"), "utf8")).trim();
  const lane = {
    ...(options.delayMs === 0 ? {} : { delayMs: options.delayMs }),
    ...(options.bytesPerSecond === undefined ? {} : { bytesPerSecond: options.bytesPerSecond }),
  };
  const shaped = options.delayMs > 0 || options.bytesPerSecond !== undefined;
  await using network = await proxy({ to: { path: join(run, "sock") }, up: lane, down: lane });
  const path = shaped && "path" in network.address ? network.address.path : join(run, "sock");
  await using runtime = await createDaemonRuntime({
    kind: "local",
    description: "this machine through a slow network",
    isolation: { filesystem: "shared", processes: "shared", network: "shared", kernel: "shared" },
    workdir: "/",
    bulkConnection: false,
    dial: () => connectWire(connect(path), { token, clientId: "bench", version: VERSION }),
  });
  const look = (): Promise<number> => timed(() => runtime.fs.stat("/etc/hostname"));
  const idle: number[] = [];
  for (let turn = 0; turn < 30; turn++) idle.push(await look());
  const loaded: number[] = [];
  let done = false;
  const transfer = (async () => {
    for await (const chunk of runtime.exec(["head", "-c", String(options.bytes), "/dev/zero"])) {
      if (chunk.type === "gap") throw new Error("a gap");
    }
    done = true;
  })();
  while (!done) loaded.push(await look());
  await transfer;
  return { idleMs: median(idle), loadedMs: median(loaded) };
}
