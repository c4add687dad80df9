import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { WorkOptions } from "../../src/workspaces/api.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import type { Proxy as FaultyNetwork } from "../fixtures/network.ts";
import { sshBench } from "../ssh/support.ts";
import { aMinutePasses, type Bench, bench, COMMIT, shell } from "./support.ts";

/** Every point takes a second. */
const POINTS = process.env.BERTH_LONG === "1" ? 40 : 1;
/** How long somebody looks at a connection that is gone, before giving up. */
const PATIENCE_MS = 100;

/**
 * Cuts all connections when so many bytes have come from the place, and lets none through any more. Who waits gives up
 * soon after. The network is back at the end.
 */
async function cutAfter(
  network: FaultyNetwork,
  bytes: number,
  work: (options: WorkOptions) => Promise<unknown>,
): Promise<{ readonly cut: boolean; readonly error: unknown }> {
  const start = network.passed().down;
  const giveUp = new AbortController();
  let over = false;
  let cut = false;
  const watch = async () => {
    while (!over && network.passed().down - start < bytes) await delay(1);
    if (over) return;
    cut = true;
    network.refuse(true);
    network.cut();
    await delay(PATIENCE_MS);
    giveUp.abort();
  };
  const watching = watch();
  const error = await work({ signal: giveUp.signal, maxWaitMs: 0 }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  over = true;
  await watching;
  network.refuse(false);
  aMinutePasses();
  return { cut, error };
}

/** What a verb needs, does, and has to have done. */
interface Case {
  readonly verb: string;
  before(it: Bench): Promise<unknown>;
  work(it: Bench, options: WorkOptions): Promise<unknown>;
  after(it: Bench): Promise<unknown>;
}

for (const [daemon, first] of [
  ["auto", 0.3],
  ["never", 0.7],
] as const) {
  describe(`the connection is cut anywhere, daemon: ${daemon}`, () => {
    test("the next attempt completes, nothing is there twice or lost", { timeout: 600_000 }, async (t) => {
      await using stack = new AsyncDisposableStack();
      const host = await requireOrSkip(t, async () => stack.use(await sshBench()));
      if (host === undefined) return;
      const network = await host.between();
      const it = stack.use(await bench(host));
      const { workspaces, project, here } = it;
      const runtime = host.config({ daemon });
      project.write({ "big.bin": crypto.getRandomValues(new Uint8Array(60_000)) });
      project.commit("big");
      project.write({ "src/a.txt": "changed\n" });
      const remove = async (name: string) => workspaces.delete(name, { ...here, force: true });
      const bases = async () =>
        shell(it, "base", "git worktree list | wc -l; git for-each-ref refs/heads --format='%(refname)'");
      const cases: readonly Case[] = [
        {
          verb: "create",
          before: async () => {},
          work: (_, options) =>
            workspaces.create({ ...options, name: "fix", project: project.path, runtime, changes: true }),
          after: async () => {
            assert.equal(await shell(it, "fix", "git status --porcelain"), " M src/a.txt\n");
            assert.equal(await bases(), "3\nrefs/heads/base\nrefs/heads/fix\n");
            await remove("fix");
          },
        },
        {
          verb: "fork",
          before: async () => {},
          work: (_, options) => workspaces.fork("base", { ...options, ...here, name: "fix" }),
          after: async () => {
            assert.equal(await shell(it, "fix", "cat work"), "work\n");
            assert.equal(await bases(), "3\nrefs/heads/base\nrefs/heads/fix\n");
            await remove("fix");
          },
        },
        {
          verb: "pull",
          before: () => shell(it, "base", `date +%N > pulled && git add pulled && ${COMMIT} -m pulled`),
          work: (_, options) => workspaces.pull("base", { ...options, ...here }),
          after: async () => {
            const head = await shell(it, "base", "git rev-parse HEAD");
            assert.equal(`${project.git("rev-parse", "base")}\n`, head);
            assert.equal(project.git("for-each-ref", "refs/berth"), "");
          },
        },
        {
          verb: "delete",
          before: () => workspaces.create({ name: "fix", project: project.path, runtime }),
          work: (_, options) => workspaces.delete("fix", { ...options, ...here }),
          after: async () => {
            assert.equal(await bases(), "2\nrefs/heads/base\n");
            assert.equal(await shell(it, "base", "ls ~/berth/*"), "base\n");
          },
        },
      ];
      await workspaces.create({ name: "base", project: project.path, runtime });
      await shell(it, "base", "echo work > work");
      for (const { verb, before, work, after } of cases) {
        await before(it);
        const start = network.passed().down;
        await work(it, {});
        const bytes = network.passed().down - start;
        await after(it);
        let cuts = 0;
        // What was faster than the cut is tried again with an earlier one.
        for (let point = 0; point < POINTS || (cuts === 0 && point < POINTS + 8); point += 1) {
          await before(it);
          const at = Math.round(
            (bytes * ((point % POINTS) + first)) / POINTS / (1 + Math.floor(point / POINTS)),
          );
          const { cut, error } = await cutAfter(network, at, (options) => work(it, options));
          if (cut) cuts += 1;
          t.diagnostic(
            `${verb} cut after ${at} of ${bytes} bytes: ${error instanceof Error ? error.message : "done"}`,
          );
          const left = await workspaces.list();
          const done =
            verb === "delete"
              ? left.length === 1
              : verb === "pull"
                ? error === undefined
                : left[1]?.state === "ready";
          if (!done) await work(it, {});
          await after(it);
          assert.equal(project.git("for-each-ref", "refs/berth"), "");
          // What a command that was cut off from its caller has set goes with the workspace.
          assert.equal(await shell(it, "base", "git for-each-ref refs/berth"), "");
          assert.deepEqual(await workspaces.doctor(), []);
        }
        assert.ok(cuts > 0, `${verb} was never cut`);
      }
    });
  });
}
