import { openWorkspaces } from "../../src/workspaces/open.ts";
import { inTurns } from "../measure.ts";
import { type Bench, ms } from "../report.ts";
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
