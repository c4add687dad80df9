import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cells, emulator, lines, write } from "../../src/cli/screen/testing.ts";
import type { TtySize } from "../../src/contract/process.ts";
import type { Runtime } from "../../src/contract/runtime.ts";
import { openRuntime } from "../../src/runtimes/open.ts";
import { outputMatching } from "../conformance/kit.ts";
import { endDaemons } from "../conformance/place.ts";
import { ensurePackages, requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { sshBench } from "../ssh/support.ts";
import { BERTH, type Desk, desk } from "./berth.ts";

const PROMPT = /[#$] $/m;
const SIZE: TtySize = { columns: 90, rows: 24 };

/** Full-screen programs that people use. */
async function programs(): Promise<true> {
  await ensurePackages(["vim", "less"]);
  return true;
}

/** Where people sit: terminals of their own, in which `berth` runs. */
async function office(environment: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const at = stack.use(await desk());
  // What vim and less take a byte for, whatever the locale of this machine.
  at.env.LC_ALL = "C.UTF-8";
  // Its daemon is nobody's child: a terminal that is killed takes with it what was started in it.
  await at.run(["ps"]);
  const stateDirectory = join(at.directory, "terminals");
  stack.defer(() => endDaemons(stateDirectory));
  const runtime = stack.use(await openRuntime({ type: "local" }, { stateDirectory }));
  return {
    at,
    runtime,
    open: async (args: readonly string[], size = SIZE) =>
      stack.use(await terminal(runtime, at, environment, args, size)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** A terminal with an emulator that shows what the command prints, and answers what it is asked. */
async function terminal(
  runtime: Runtime,
  at: Desk,
  environment: Record<string, string>,
  args: readonly string[],
  size: TtySize,
) {
  const screen = emulator(size);
  const command = await runtime.spawn([process.execPath, BERTH, ...args], {
    tty: size,
    cwd: at.directory,
    env: {
      BERTH_HOME: at.env.BERTH_HOME,
      HOME: at.directory,
      SHELL: "/bin/sh",
      LC_ALL: at.env.LC_ALL,
      ...environment,
    },
  });
  const answers: string[] = [];
  screen.onData((answer) => {
    answers.push(answer);
    command.stdin.write(answer).catch(() => {});
  });
  const reading = (async () => {
    for await (const chunk of command.output()) if (chunk.type === "data") await write(screen, chunk.data);
  })();
  return {
    command,
    screen,
    /** What the emulator said by itself. */
    answers,
    type: (text: string) => command.stdin.write(text),
    see: (pattern: RegExp) =>
      waitFor(`${pattern} on the screen`, () => pattern.test(lines(screen).join("\n"))).catch((cause) => {
        throw new Error(`${cause}: ${JSON.stringify(lines(screen))}`);
      }),
    async [Symbol.asyncDispose]() {
      await command.kill("SIGKILL");
      await reading.catch(() => {});
    },
  };
}

type Seat = Awaited<ReturnType<typeof terminal>>;

/** Waits until both show the same; what they show last is compared cell by cell. */
async function sameScreens(one: Seat, other: Seat): Promise<void> {
  const shown = ({ screen }: Seat) => JSON.stringify([cells(screen), screen.modes]);
  const equal = () => shown(one) === shown(other);
  await waitFor("the same screen", equal).catch(() => {});
  assert.deepEqual(lines(other.screen), lines(one.screen));
  assert.deepEqual(cells(other.screen), cells(one.screen));
  assert.deepEqual(other.screen.modes, one.screen.modes);
}

const TEXT = Array.from(
  { length: 300 },
  (_, index) => `line ${index + 1} 日本語 é 😀 ${"x".repeat(index % 60)}`,
);

test("a terminal comes back with its screen: prompt, colours, wide characters, and full-screen programs", async (t) => {
  if ((await requireOrSkip(t, programs)) === undefined) return;
  await using on = await office();
  await writeFile(join(on.at.directory, "text"), `${TEXT.join("\n")}\n`);
  const first = await on.open(["shell", "--name", "work"]);
  await first.see(PROMPT);
  await first.type("printf '\\033[1;31mred\\033[0m 日本語 😀 e\\314\\201\\n'; seq 40\r");
  await first.see(/^40$/m);
  await first.type("echo half a com");
  await first.see(/half a com$/m);
  // Another one beside it, which goes on where the first is.
  const beside = await on.open(["attach", "work"]);
  await beside.see(/half a com$/m);
  await sameScreens(first, beside);
  await beside.type("mand\r");
  await first.see(/^half a command$/m);
  await sameScreens(first, beside);
  // What vim asks for is then answered by one.
  await beside.type("\x10\x11");
  await beside.command.exit;

  await first.type("vim -n -u NONE -c 'set nocp number mouse=a' text\r");
  await first.see(/line 20 /);
  await first.type("10Gdd");
  await first.see(/line 11 /);
  const editing = await on.open(["shell", "--name", "work"]);
  await editing.see(/line 11 /);
  await sameScreens(first, editing);
  assert.deepEqual(editing.answers, [], "nothing is asked a second time");
  // Typed in one, seen in all.
  await editing.type("ofrom the second 日本\x1b");
  await first.see(/from the second 日本/);
  await sameScreens(first, editing);
  await first.type(":q!\r");
  await first.see(/^half a command$/m);
  await sameScreens(first, editing);
  await editing.type("\x10\x11");
  await editing.command.exit;

  await first.type("less -S text\r");
  await first.see(/line 5 /);
  await first.type("50g");
  await first.see(/line 60 /);
  const paging = await on.open(["attach", "work"]);
  await paging.see(/line 60 /);
  await sameScreens(first, paging);
  await paging.type("q");
  await sameScreens(first, paging);
});

test("a killed client and another size: the program draws itself anew, what was left stays left", async (t) => {
  if ((await requireOrSkip(t, programs)) === undefined) return;
  await using on = await office();
  await writeFile(join(on.at.directory, "text"), `${TEXT.join("\n")}\n`);
  const first = await on.open(["shell", "--name", "work"]);
  await first.see(PROMPT);
  await first.type("vim -n -u NONE -c 'set nocp number' text\r");
  await first.see(/line 20 /);
  await first.command.kill("SIGKILL");
  const size = { columns: 60, rows: 16 };
  const [second, third] = [
    await on.open(["shell", "--name", "work"], size),
    await on.open(["attach", "work"], size),
  ];
  await second.see(/line 10 /);
  assert.ok(!lines(second.screen).join("\n").includes("line 20 "), "it has sixteen lines");
  await third.see(/line 10 /);
  await sameScreens(second, third);
  await third.type("\x10\x11");
  assert.equal((await third.command.exit).exitCode, 0);
  await third.see(/detached; come back by/);
  assert.equal(third.screen.buffer.active.type, "normal");
  assert.equal(third.screen.modes.bracketedPasteMode, false);
  await second.type(":q!\r");
  await second.see(PROMPT);
  await second.type("exit 7\r");
  assert.equal((await second.command.exit).exitCode, 7);
  // The name is free: the next one is new.
  const next = await on.open(["shell", "--name", "work"]);
  await next.see(PROMPT);
  assert.ok(!lines(next.screen).join("\n").includes("exit 7"));
});

test("left by its keys a named terminal goes on; --new opens another; what is no terminal is not shown as one", async () => {
  await using on = await office();
  const first = await on.open(["shell", "--name", "work"]);
  await first.see(PROMPT);
  await first.type("kept=here\r");
  await first.see(/kept=here\n/);
  await first.type("\x10\x11");
  assert.equal((await first.command.exit).exitCode, 0);
  const again = await on.open(["shell", "--name", "work"]);
  await again.see(/kept=here/);
  await again.type("echo still-$kept\r");
  await again.see(/still-here/);
  const other = await on.open(["shell", "--name", "work", "--new"]);
  await other.see(PROMPT);
  const named = JSON.parse((await on.at.run(["ps", "--json"])).stdout.toString()) as { name: string }[];
  assert.deepEqual(named.map(({ name }) => name).sort(), ["work", "work-2"]);
  await on.at.run(["exec", "-d", "--name", "server", "--", "sleep", "60"]);
  const refused = await on.at.run(["shell", "--name", "server"]);
  assert.match(refused.stderr, /without a terminal.*\[cli\.usage\]/);
});

test("output that the emulator can't take is shown as it came", async () => {
  await using on = await office();
  const berth = (args: readonly string[]) =>
    on.runtime.spawn([process.execPath, BERTH, ...args], {
      tty: SIZE,
      cwd: on.at.directory,
      env: { BERTH_HOME: on.at.env.BERTH_HOME },
    });
  await using first = await berth(["shell", "--name", "work"]);
  await outputMatching(first, /[#$] $/);
  // Erasing up to the last cell of the last line ends this emulator by an exception.
  await first.stdin.write("printf '\\033[24;90Hx\\033[1J\\033[Hafter-%s\\n' it\r");
  await outputMatching(first, /after-it/);
  await using second = await berth(["attach", "work"]);
  await outputMatching(second, /first part of this terminal's output is left out[\s\S]*after-it/);
  await second.stdin.write("echo on-it-go''es\r");
  await outputMatching(second, /on-it-goes/);
});

for (const transport of ["openssh", "ssh2"] as const) {
  test(`a terminal over SSH goes on typing where the connection was cut: ${transport}`, async (t) => {
    const made = await requireOrSkip(t, () => sshBench());
    if (made === undefined) return;
    await using bench = made;
    const network = await bench.between();
    await using on = await office({ HOME: process.env.HOME ?? "/" });
    const config = bench.config({ transport });
    await writeFile(join(on.at.directory, "berth.yaml"), JSON.stringify({ runtimes: { box: config } }));
    const seat = await on.open(["shell", "-r", "box", "--name", "work"]);
    await seat.see(PROMPT);
    const text = "the quick brown fox jumps over the lazy dog";
    await seat.type("echo rea''dy; cat > typed\r");
    await seat.see(/^ready$/m);
    for (const [index, letter] of [...`${text}\r`].entries()) {
      await seat.type(letter);
      if (index % 22 !== 5) continue;
      network.cut();
      await seat.see(new RegExp(`^${text.slice(0, index + 1).trim()}`, "m"));
    }
    await seat.see(new RegExp(`^${text}$`, "m"));
    await seat.type("\x04");
    await seat.type('echo "<$(cat typed)>"\r');
    await seat.see(new RegExp(`^<${text}>$`, "m"));
    // Another connection finds the same screen.
    const again = await on.open(["shell", "-r", "box", "--name", "work"]);
    await again.see(new RegExp(`^<${text}>$`, "m"));
    await sameScreens(seat, again);
    await again.type("exit\r");
    assert.equal((await again.command.exit).exitCode, 0);
  });
}
