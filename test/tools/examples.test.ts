import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { RuntimeConfig } from "../../src/contract/config.ts";
import { container } from "../fixtures/container.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { image } from "../fixtures/images.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { run } from "../fixtures/process.ts";
import { sshUser } from "../fixtures/ssh-user.ts";
import { sshServer } from "../fixtures/sshd.ts";
import "../fixtures/berth-imports.ts";

// What imports Berth by its name is loaded when that means its sources.
const { agent, primes, TASK } = await import("../../examples/agent/agent.ts");
const { mend, turnComparisons } = await import("../../examples/agent/mend.ts");
const { scriptedModel } = await import("../../examples/agent/scripted.ts");

const root = join(import.meta.dirname, "../..");
const imports = join(root, "test/fixtures/berth-imports.ts");

/** The agent's words, and what it has printed while it worked. */
async function work(
  place: RuntimeConfig,
  stateDirectory: string,
): Promise<{ said: string; printed: string }> {
  let printed = "";
  const print = (text: string) => {
    printed += text;
  };
  const said = await agent(place, scriptedModel(primes()), TASK, print, { stateDirectory });
  return { said, printed };
}

/** It tried twice: what it wrote first was wrong, and only the output said so. */
function assertWorked({ said, printed }: { said: string; printed: string }): void {
  assert.match(said, /^primes\.sh is written and prints what it should, here: Linux /, printed);
  assert.match(
    printed,
    /→ bash .*\n1 2 3 5 7 11 13 17 19\n✓ \[exit code 0[\s\S]*→ file_edit[\s\S]*\n2 3 5 7 11 13 17 19\n✓/,
  );
}

test("examples/agent/agent.ts: on this machine, and what its command says without a key", async () => {
  await using scratch = await scratchDirectory();
  const env = { ...process.env, BERTH_HOME: join(scratch.path, "state"), AI_GATEWAY_API_KEY: undefined };
  const command = (...args: string[]) =>
    run([process.execPath, "--import", imports, join(root, "examples/agent/agent.ts"), ...args], {
      env,
      cwd: scratch.path,
      deadlineMs: 60_000,
    });
  const refused = await command();
  assert.equal(refused.exitCode, 1);
  assert.match(
    refused.stderr.toString(),
    /^There is no key for a model\. Set AI_GATEWAY_API_KEY .* --model mock/,
  );
  const config = { type: "local", daemon: "never", workdir: scratch.path } as const;
  assertWorked(await work(config, join(scratch.path, "state")));
  assert.match(await readFile(join(scratch.path, "primes.sh"), "utf8"), /^n=2 primes=\n/);
});

test("examples/agent/agent.ts: the same in a container", async (t) => {
  const name = await requireOrSkip(t, () => image("debian"));
  if (name === undefined) return;
  await using scratch = await scratchDirectory();
  await using place = await container({ image: name });
  const config = { type: "docker", containerId: place.id, workdir: "/tmp" } as const;
  assertWorked(await work(config, join(scratch.path, "state")));
});

test("examples/agent/agent.ts: the same on a host by SSH", async (t) => {
  const server = await requireOrSkip(t, () => sshServer({ node: true }));
  if (server === undefined) return;
  await using _server = server;
  await using scratch = await scratchDirectory();
  await using user = await sshUser();
  assertWorked(await work(server.config(user.name), join(scratch.path, "state")));
});

test("examples/agent/mend.ts: mends a failing test in a copy of this repository, and changes nothing outside", async (t) => {
  const { exitCode } = await run(["git", "-C", root, "rev-parse", "HEAD"]);
  if (exitCode !== 0) return t.skip("SKIPPED: this is not a git repository");
  await using scratch = await scratchDirectory();
  const file = join(root, "src/tools/ansi.ts");
  const before = await readFile(file, "utf8");
  // By it Node's test runner knows that it is run by a test, and runs none.
  delete process.env.NODE_TEST_CONTEXT;
  let printed = "";
  const { text, difference } = await mend(
    root,
    scriptedModel(turnComparisons()),
    (said) => {
      printed += said;
    },
    { stateDirectory: join(scratch.path, "state") },
  );
  assert.match(text, /^Mended in src\/tools\/ansi\.ts: /, printed);
  assert.equal(difference, "");
  assert.match(printed, /fail [1-9]\n[\s\S]*fail 0\n/);
  assert.equal(await readFile(file, "utf8"), before);
});
