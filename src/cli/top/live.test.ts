import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { berthError } from "../../contract/errors.ts";
import { emulator, lines, write } from "../screen/testing.ts";
import { headLines, type Overview, placeLines } from "./draw.ts";
import { showLive } from "./live.ts";

const NOW = Date.parse("2026-11-21T12:00:00.000Z");

function place(name: string, more: Partial<Overview["places"][number]> = {}): Overview["places"][number] {
  return {
    workspace: `ws_${name}`,
    state: "connected",
    error: null,
    retry_in_ms: null,
    since: "2026-11-21T11:57:00.000Z",
    name,
    project: "shop",
    runtime: "docker",
    workspace_state: "ready",
    running: 2,
    last_event_at: null,
    ...more,
  };
}

function overview(more: Partial<Overview> = {}): Overview {
  return {
    runner: {
      version: "1.2.3",
      instance_id: "run_1",
      pid: 4711,
      started_at: "2026-11-21T10:00:00.000Z",
      memory_bytes: 90 * 1024 * 1024,
      cpu_seconds: 10,
      event_loop_delay_ms: 0.42,
      open_descriptors: 41,
    },
    places: [
      place("fix-login"),
      place("api", { state: "idle", running: null, runtime: "worktree" }),
      place("gpu", {
        state: "waiting",
        retry_in_ms: 11_400,
        running: null,
        runtime: "ssh",
        error: { code: "ssh.auth_failed", message: "m", hint: "h", retryable: true },
      }),
      place("busy", { running: 40 }),
    ],
    workspaces: { ready: 4 },
    processes: { running: 42, exited: 3 },
    attach_sessions: { writers: 1, viewers: 3 },
    clients: { wire: 2, streams: 5 },
    requests: { total: 1000, refused: 7, running: 1, p50_ms: 1.24, p99_ms: 18.7 },
    bytes: { in: 10_000, out: 20_000_000 },
    events: { sequence: 123_456, lag_ms: 3.2 },
    ...more,
  };
}

const drawing = {
  url: "http://127.0.0.1:7333",
  now: { at: 2_000, overview: overview() },
  before: undefined,
  sort: "name",
  time: NOW,
  columns: 80,
} as const;

test("everything is said in 80 columns", () => {
  const head = headLines(drawing);
  const places = placeLines(drawing);
  for (const line of [...head, ...places]) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  const text = head.join("\n");
  for (const part of ["berth 1.2.3", "up 2h", "memory 90 MiB", "p99 19 ms", "refused 7", "3 viewers"]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  assert.match(places[3] ?? "", /^shop\/fix-login +docker +ready +connected +2 +3m$/);
  assert.match(places.join("\n"), /shop\/gpu .* waiting 12 s: ssh\.auth_failed +- +3m/);
});

test("rates are between two looks at the same runner", () => {
  const before = {
    at: 0,
    overview: overview({ requests: { ...drawing.now.overview.requests, total: 400 } }),
  };
  assert.match(headLines({ ...drawing, before })[2] ?? "", /^calls 300\/s/);
  const other = overview();
  const replaced = { at: 0, overview: { ...other, runner: { ...other.runner, instance_id: "run_0" } } };
  assert.match(headLines({ ...drawing, before: replaced })[2] ?? "", /^calls -\/s/);
});

test("places are sorted by name, by trouble, by processes", () => {
  const names = (sort: "name" | "trouble" | "processes") =>
    placeLines({ ...drawing, sort })
      .slice(1)
      .map((line) => /^shop\/(\S+)/.exec(line)?.[1]);
  assert.deepEqual(names("name"), ["api", "busy", "fix-login", "gpu"]);
  assert.deepEqual(names("trouble"), ["gpu", "busy", "fix-login", "api"]);
  assert.deepEqual(names("processes"), ["busy", "fix-login", "api", "gpu"]);
});

test("a name that holds control characters steers nothing", () => {
  const odd = overview({ places: [place("\x1b[2Jx\nrm")] });
  const text = placeLines({ ...drawing, now: { at: 0, overview: odd } }).join("|");
  assert.ok(!text.includes("\x1b"), text);
});

/** A terminal of 80 × 24 with a keyboard, and the live screen in it. */
function live(look: (signal: AbortSignal) => Promise<Overview>) {
  const terminal = emulator({ columns: 80, rows: 24 });
  const output = Object.assign(new PassThrough(), { columns: 80, rows: 24, isTTY: true });
  let drawn = Promise.resolve();
  output.on("data", (data: Buffer) => {
    drawn = drawn.then(() => write(terminal, data));
  });
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const ended = showLive({
    url: "http://127.0.0.1:7333",
    intervalMs: 20,
    input: input as unknown as NodeJS.ReadStream,
    output: output as unknown as NodeJS.WriteStream,
    look,
  });
  ended.catch(() => undefined);
  const shows = async (pattern: RegExp): Promise<void> => {
    const end = Date.now() + 30_000;
    for (;;) {
      await drawn;
      if (pattern.test(lines(terminal).join("\n"))) return;
      assert.ok(Date.now() < end, `${pattern} is not on the screen:\n${lines(terminal).join("\n")}`);
      await delay(5);
    }
  };
  const restored = async (): Promise<void> => {
    await drawn;
    assert.equal(terminal.buffer.active.type, "normal");
    assert.deepEqual(modes, [true, false]);
    assert.equal(output.listenerCount("resize"), 0);
  };
  return { terminal, input, output, ended, shows, restored };
}

test("on a terminal: drawn, sorted by a key, drawn anew when its size changes, and left as it was", async () => {
  const screen = live(async () => overview());
  await write(screen.terminal, "$ berth top\r\n");
  try {
    await screen.shows(/^berth 1\.2\.3[\s\S]*shop\/api[\s\S]*q: quit {2}s: sort \(name\)/);
    assert.equal(screen.terminal.buffer.active.type, "alternate");
    screen.input.write("s");
    await screen.shows(/WORKSPACE.*\n *shop\/gpu[\s\S]*sort \(trouble\)/);
    screen.terminal.resize(40, 10);
    Object.assign(screen.output, { columns: 40, rows: 10 });
    screen.output.emit("resize");
    await screen.shows(/… 3 more/);
    assert.ok(lines(screen.terminal).every((line) => line.length <= 40));
  } finally {
    screen.input.write("q");
  }
  assert.equal(await screen.ended, 0);
  await screen.restored();
  assert.match(lines(screen.terminal).join("\n"), /^\$ berth top/);
});

test("a runner that is away for a moment is waited for; what will not pass ends it, and the terminal is as before", async () => {
  let turn = 0;
  const screen = live(async () => {
    turn += 1;
    if (turn === 1) return overview();
    if (turn < 20) throw berthError("runner.unreachable", { context: { url: "http://127.0.0.1:7333" } });
    if (turn < 60) return overview({ workspaces: { stopped: 9 } });
    throw berthError("auth.invalid");
  });
  await screen.shows(/no runner answers at http:\/\/127\.0\.0\.1:7333; asking again/);
  await screen.shows(/workspaces 9 stopped/);
  await assert.rejects(screen.ended, { code: "auth.invalid" });
  await screen.restored();
});

for (const [name, key] of [
  ["Ctrl-C", "\x03"],
  ["Escape", "\x1b"],
] as const) {
  test(`${name} ends it, also while it looks`, async () => {
    const screen = live(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    screen.input.write("\x1b[B");
    screen.input.write(key);
    assert.equal(await screen.ended, 0);
    await screen.restored();
  });
}
