import assert from "node:assert/strict";
import { test } from "node:test";
import { openRuntime } from "../../src/runtimes/open.ts";
import { waitFor } from "../fixtures/process.ts";
import { BERTH, desk } from "./berth.ts";

/** A terminal to try the command in: one of Berth's own. */
async function screen(args: readonly string[]) {
  await using stack = new AsyncDisposableStack();
  const at = stack.use(await desk());
  const runtime = stack.use(
    await openRuntime({ type: "local" }, { stateDirectory: at.env.BERTH_HOME ?? "" }),
  );
  const terminal = await runtime.spawn([process.execPath, BERTH, ...args], {
    tty: { columns: 100, rows: 30 },
    cwd: at.directory,
    env: { BERTH_HOME: at.env.BERTH_HOME, SHELL: "/bin/sh", NO_COLOR: "1" },
  });
  let text = "";
  const pump = (async () => {
    for await (const chunk of terminal.output()) {
      if (chunk.type === "data") text += Buffer.from(chunk.data).toString("latin1");
    }
  })().catch(() => {});
  stack.defer(async () => {
    await terminal.kill("SIGKILL");
    await pump;
  });
  const all = stack.move();
  return {
    at,
    runtime,
    terminal,
    see: (pattern: RegExp) =>
      waitFor(`${pattern} on the screen`, () => pattern.test(text)).catch((cause) => {
        throw new Error(`${cause}: ${JSON.stringify(text)}`);
      }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

test("a shell in a terminal: size, Ctrl-C, a window that changes, exit code", async () => {
  await using on = await screen(["shell"]);
  await on.see(/[#$] $/);
  await on.terminal.stdin.write("stty size; tty | cut -c1-8\r");
  await on.see(/30 100[\s\S]*\/dev\/pts/);
  // Said by what has the terminal by then: an interrupt that comes before is the shell's own, and ends nothing.
  await on.terminal.stdin.write("sh -c \"echo asl''eep; exec sleep 100\"\r");
  await on.see(/asleep/);
  await on.terminal.stdin.write("\x03");
  await on.see(/\^C[\s\S]*[#$] $/);
  await on.terminal.resize({ columns: 81, rows: 25 });
  await on.terminal.stdin.write(
    "while [ \"$(stty size)\" != '25 81' ]; do sleep 0.1; done; echo resi''zed\r",
  );
  await on.see(/resized/);
  await on.terminal.stdin.write("exit 5\r");
  const exit = await on.terminal.exit;
  assert.equal(exit.exitCode, 5);
});

test("a terminal is left by the detach keys and found again as it was", async () => {
  await using on = await screen(["shell", "--name", "work"]);
  await on.see(/[#$] $/);
  await on.terminal.stdin.write("echo before-det''ach\r");
  await on.see(/before-detach/);
  const second = await on.runtime.spawn([process.execPath, BERTH, "attach", "work"], {
    tty: { columns: 100, rows: 30 },
    cwd: on.at.directory,
    env: { BERTH_HOME: on.at.env.BERTH_HOME },
  });
  let text = "";
  const reading = (async () => {
    for await (const chunk of second.output()) {
      if (chunk.type === "data") text += Buffer.from(chunk.data).toString("latin1");
      if (/before-detach/.test(text)) break;
    }
  })();
  await reading;
  await second.stdin.write("\x10\x11");
  const exit = await second.exit;
  assert.equal(exit.exitCode, 0);
  assert.equal((await (await on.runtime.process("work")).info()).state, "running");
});
