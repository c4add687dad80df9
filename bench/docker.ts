import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRuntime } from "../src/runtimes/open.ts";
import { container } from "../test/fixtures/container.ts";
import { dockerEngine } from "../test/fixtures/docker.ts";
import { image } from "../test/fixtures/images.ts";
import { settledMemory, switchesPerSecond } from "./container-cost.ts";
import { statUnderLoad } from "./latency.ts";
import { inTurns, median, rate, timed } from "./measure.ts";
import { type Bench, ms, times } from "./report.ts";
import { BULK_COMMAND, bulkRate, engineExec, exitsZero, readAll, spawnPiped } from "./ways.ts";

/** Containers, beside `docker exec` and the engine's API. Returns the engine's version. */
export async function benchDocker({ report, quick, turns }: Bench): Promise<string> {
  const state = await mkdtemp(join(tmpdir(), "berth-bench-"));
  const open = { stateDirectory: state };
  const { docker, cliEnv } = await dockerEngine();
  Object.assign(process.env, cliEnv);
  const engineVersion = ((await docker.version()) as { Version: string }).Version;
  const busybox = await image("busybox");
  await using users = await container({ image: busybox });
  await using made = await openRuntime({ type: "docker", image: busybox, pull: "never" }, open);
  await using bridged = await openRuntime({ type: "docker", containerId: users.id }, open);
  await using local = await openRuntime({ type: "local" }, open);

  try {
    const TRUE = ["sh", "-c", "true"];
    const warm = await inTurns(
      {
        spawn: () => exitsZero(spawnPiped(TRUE)),
        socket: () => exitsZero(made.exec(TRUE)),
        bridge: () => exitsZero(bridged.exec(TRUE)),
        local: () => exitsZero(local.exec(TRUE)),
        dockerExec: () => exitsZero(spawnPiped(["docker", "exec", users.id, ...TRUE])),
        api: () => exitsZero(engineExec(users.handle, TRUE)),
      },
      turns,
    );
    const detail = `socket ${ms(warm.socket)}, bridge ${ms(warm.bridge)}, local runtime ${ms(warm.local)}; child_process ${ms(warm.spawn)}, engine API ${ms(warm.api)}, docker exec ${ms(warm.dockerExec)}`;
    report(
      "warm `sh -c true` in a container",
      "≥ 25× faster than docker exec",
      `${times(warm.dockerExec / warm.socket)} (bridge ${times(warm.dockerExec / warm.bridge)}); ${detail}`,
      warm.dockerExec / warm.socket >= 25,
    );
    report(
      "the same beside a local child_process.spawn",
      "≤ 1.5×",
      `${times(warm.socket / warm.spawn)} (bridge ${times(warm.bridge / warm.spawn)}, local runtime ${times(warm.local / warm.spawn)})`,
      warm.socket / warm.spawn <= 1.5,
    );

    const count = quick ? 200 : 1000;
    await rate(() => exitsZero(made.exec(TRUE)), 200, 32);
    const ours = await rate(() => exitsZero(made.exec(TRUE)), count, 32);
    const theirs = await rate(
      () => exitsZero(spawnPiped(["docker", "exec", users.id, ...TRUE])),
      quick ? 32 : 96,
      32,
    );
    report(
      "commands a second in one container, 32 in parallel",
      "≥ 20× docker exec",
      `${times(ours / theirs)}: ${Math.round(ours)} and ${theirs.toFixed(1)} a second`,
      ours / theirs >= 20,
    );

    const file = "/tmp/bench-4k";
    const four = new Uint8Array(4096).fill(65);
    await made.fs.writeFile(file, four);
    const files = await inTurns(
      {
        spawn: () => exitsZero(spawnPiped(TRUE)),
        read: () => made.fs.readFile(file),
        write: () => made.fs.writeFile(file, four),
        stat: () => made.fs.stat(file),
      },
      turns * 4,
      20,
    );
    for (const [work, value, limit] of [
      ["4 KB read", files.read, 0.15],
      ["atomic 4 KB write", files.write, 0.9],
      ["stat", files.stat, 0.12],
    ] as const) {
      report(
        `${work} in a container, beside that spawn`,
        `≤ ${limit}×`,
        `${times(value / files.spawn)}: ${ms(value)}`,
        value / files.spawn <= limit,
      );
    }

    const bulk = { cli: [] as number[], socket: [] as number[], bridge: [] as number[] };
    for (let turn = 0; turn < (quick ? 1 : 3); turn++) {
      bulk.cli.push(
        await bulkRate((onData) =>
          spawnPiped(["docker", "exec", users.id, "head", "-c", "400000000", "/dev/zero"], onData),
        ),
      );
      bulk.socket.push(await bulkRate((onData) => readAll(made, onData)));
      bulk.bridge.push(await bulkRate((onData) => readAll(bridged, onData)));
    }
    const rates = `socket ${Math.round(median(bulk.socket))}, bridge ${Math.round(median(bulk.bridge))}, docker exec ${Math.round(median(bulk.cli))} MB/s`;
    const bySocket = median(bulk.socket) / median(bulk.cli);
    const byBridge = median(bulk.bridge) / median(bulk.cli);
    report(
      "400 MB of stdout through a container, by socket",
      "≥ 2× docker exec",
      `${times(bySocket)}: ${rates}`,
      bySocket >= 2,
    );
    report("the same by the bridge", "≥ 0.6× docker exec", times(byBridge), byBridge >= 0.6);

    const fresh = { dockerRun: [] as number[], berth: [] as number[] };
    for (let turn = 0; turn < (quick ? 3 : 9); turn++) {
      fresh.dockerRun.push(
        await timed(() => exitsZero(spawnPiped(["docker", "run", "--rm", busybox, "true"]))),
      );
      const startedMs = performance.now();
      await using place = await openRuntime({ type: "docker", image: busybox, pull: "never" }, open);
      await exitsZero(place.exec(["true"]));
      fresh.berth.push(performance.now() - startedMs);
    }
    const beyond = median(fresh.berth) - median(fresh.dockerRun);
    report(
      "first command in a fresh container, payload on the machine",
      "≤ 300 ms beyond docker run",
      `${ms(beyond)} beyond: ${ms(median(fresh.berth))}, docker run ${ms(median(fresh.dockerRun))}`,
      beyond <= 300,
    );

    await using measured = await openRuntime({ type: "docker", image: busybox, pull: "never" }, open);
    await measured.exec(["true"]);
    const idle = await settledMemory(measured);
    const switches = await switchesPerSecond(measured, quick ? 5 : 20);
    for await (const chunk of measured.exec(BULK_COMMAND)) if (chunk.type === "gap") throw new Error("a gap");
    const after = await settledMemory(measured);
    report(
      "berthd, charged to its container: idle",
      "≤ 12 MiB",
      `${idle.toFixed(1)} MiB, ${switches.toFixed(1)} wake-ups a second`,
      idle <= 12,
    );
    report("the same after 400 MB through it", "≤ 64 MiB", `${after.toFixed(1)} MiB`, after <= 64);

    const many = quick ? 200 : 1000;
    await using crowd = await openRuntime({ type: "docker", image: busybox, pull: "never" }, open);
    const alone = await inTurns({ exec: () => exitsZero(crowd.exec(TRUE)) }, turns);
    for (let started = 0; started < many; started += 50) {
      await Promise.all(Array.from({ length: 50 }, () => crowd.spawn(["sleep", "600"])));
    }
    const crowded = await inTurns({ exec: () => exitsZero(crowd.exec(TRUE)) }, turns);
    report(
      `a further command beside ${many} running processes`,
      "≤ 2×",
      `${times(crowded.exec / alone.exec)}: ${ms(crowded.exec)}, with none ${ms(alone.exec)}`,
      crowded.exec / alone.exec <= 2,
    );

    const near = await statUnderLoad({
      state,
      delayMs: 0,
      bytesPerSecond: undefined,
      bytes: quick ? 2e8 : 1e9,
    });
    report(
      "stat during a 1 GB transfer in the same runtime",
      "≤ 5× idle",
      `${times(near.loadedMs / near.idleMs)}: ${ms(near.loadedMs)}, idle ${ms(near.idleMs)}`,
      near.loadedMs / near.idleMs <= 5,
    );
    const far = await statUnderLoad({ state, delayMs: 25, bytesPerSecond: 2_500_000, bytes: 12_000_000 });
    report(
      "the same at 20 Mbit/s and 50 ms",
      "≤ 2× idle",
      `${times(far.loadedMs / far.idleMs)}: ${ms(far.loadedMs)}, idle ${ms(far.idleMs)}`,
      far.loadedMs / far.idleMs <= 2,
    );
  } finally {
    await rm(state, { recursive: true, force: true });
  }
  return engineVersion;
}
