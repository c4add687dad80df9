import { openWorkspaces } from "../../src/workspaces/open.ts";
import { dockerEngine } from "../../test/fixtures/docker.ts";
import { image } from "../../test/fixtures/images.ts";
import { inTurns } from "../measure.ts";
import { type Bench, ms, times } from "../report.ts";
import { exitsZero, spawnPiped } from "../ways.ts";
import { runnerHome, startRunner } from "./runner.ts";

/** Calls of one way in a row: the first after another way pays for what that left behind. */
const IN_ROW = 5;
const COMMAND = ["true"];

/** A command by the runner's API, beside the same one by the library, and by nothing at all. */
export async function benchCommands(bench: Bench): Promise<void> {
  await using home = await runnerHome();
  const { id } = await home.workspace("one");
  await using runner = await startRunner(home.stateDirectory);
  await using workspaces = await openWorkspaces({ stateDirectory: home.stateDirectory });
  await using runtime = await workspaces.open(id);
  const seen = await inTurns(
    {
      api: async () => {
        const { body } = await runner.call<{ exit_code: number }>("POST", `/v1/workspaces/${id}/exec`, {
          command: COMMAND,
        });
        await exitsZero(Promise.resolve(body.exit_code));
      },
      library: () => exitsZero(runtime.exec(COMMAND)),
      spawn: () => exitsZero(spawnPiped(COMMAND)),
      health: () => runner.call("GET", "/v1/health"),
    },
    bench.turns,
    5,
    IN_ROW,
  );
  const over = seen.api - seen.library;
  bench.report(
    "Command through the runner's API, keep-alive",
    "≤ 2 ms over the library",
    `${ms(seen.api)}, library ${ms(seen.library)}: ${ms(over)} over; without Berth ${ms(seen.spawn)}; an empty call ${ms(seen.health)}`,
    over <= 2,
  );
}

/** The same in a container and on a host, beside what users would call instead. */
export async function benchElsewhere(bench: Bench): Promise<void> {
  const { cliEnv } = await dockerEngine();
  Object.assign(process.env, cliEnv);
  await using home = await runnerHome();
  const reference = await image("debian");
  const { id, place } = await home.workspace("boxed", { type: "docker", image: reference, pull: "never" });
  try {
    await using runner = await startRunner(home.stateDirectory);
    await using workspaces = await openWorkspaces({ stateDirectory: home.stateDirectory });
    await using runtime = await workspaces.open(id);
    const container = place?.container ?? "";
    const seen = await inTurns(
      {
        api: async () => {
          const path = `/v1/workspaces/${id}/exec`;
          const { body } = await runner.call<{ exit_code: number }>("POST", path, { command: COMMAND });
          await exitsZero(Promise.resolve(body.exit_code));
        },
        library: () => exitsZero(runtime.exec(COMMAND)),
        dockerExec: () => exitsZero(spawnPiped(["docker", "exec", container, ...COMMAND])),
      },
      bench.turns,
      5,
      2,
    );
    bench.report(
      "The same in a container",
      "≤ 2 ms over the library, ≥ 10× faster than docker exec",
      `${ms(seen.api)}, library ${ms(seen.library)}: ${ms(seen.api - seen.library)} over; docker exec ${ms(seen.dockerExec)}: ${times(seen.dockerExec / seen.api)}`,
      seen.api - seen.library <= 2 && seen.dockerExec / seen.api >= 10,
    );
  } finally {
    await using workspaces = await openWorkspaces({ stateDirectory: home.stateDirectory });
    await workspaces.delete(id, { force: true });
  }
}
