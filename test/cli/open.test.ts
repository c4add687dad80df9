import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startHop } from "../../src/cli/runner/browser-hop.ts";
import { run } from "../fixtures/process.ts";
import { testRunner } from "../fixtures/runner.ts";
import { send } from "../runner/access-desk.ts";
import { signedIn } from "../runner/session-desk.ts";

const BERTH = join(import.meta.dirname, "../fixtures/berth-source.ts");
const LINK = /^(http:\/\/127\.0\.0\.1:\d+)\/sign-in#code=(berth_\w{57})$/;

test("berth open: the browser is sent to a link that its program was not told; else the link is printed", async () => {
  await using runner = await testRunner({ inProcess: true });
  const { directory } = runner;
  const port = Number(new URL(runner.url).port);
  const kept = join(directory, "opened.json");
  // In place of what opens a browser: one that follows no redirect.
  const program = join(directory, "browser.mjs");
  writeFileSync(
    program,
    `const { status, headers } = await fetch(process.argv[2], { redirect: "manual" });
     const again = (await fetch(process.argv[2], { redirect: "manual" }).catch(() => ({ status: 0 }))).status;
     const kept = { argv: process.argv[2], status, location: headers.get("location"), again };
     (await import("node:fs")).writeFileSync(${JSON.stringify(kept)}, JSON.stringify(kept));`,
  );
  const opener = join(directory, "xdg-open");
  writeFileSync(opener, `#!/bin/sh\nexec ${process.execPath} ${program} "$1"\n`, { mode: 0o755 });
  const base: NodeJS.ProcessEnv = { ...process.env, BERTH_HOME: runner.stateDirectory, NO_COLOR: "1" };
  for (const name of ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "SSH_CONNECTION", "BERTH_RUNNER"]) {
    delete base[name];
  }
  const berth = async (args: string[], env: NodeJS.ProcessEnv = {}) => {
    const ran = await run([process.execPath, BERTH, "open", ...args], {
      env: { ...base, ...env },
      cwd: directory,
    });
    return { code: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
  };
  const signIn = async (link: string) => {
    const [, origin, code] = LINK.exec(link) ?? [];
    assert.equal(origin, runner.url, link);
    const host = `127.0.0.1:${port}`;
    signedIn(await send(port, "/v1/sessions", { method: "POST", host, body: { code } }));
  };

  const display = { DISPLAY: ":0", PATH: `${directory}:${process.env.PATH}` };
  const opened = await berth([], display);
  assert.deepEqual([opened.code, opened.out], [0, ""], opened.err);
  assert.match(opened.err, /is open in your browser/);
  const { argv, status, location, again } = JSON.parse(readFileSync(kept, "utf8")) as Record<string, unknown>;
  assert.match(String(argv), /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}$/, "no code is among the arguments");
  assert.deepEqual([status, [0, 404].includes(Number(again))], [303, true]);
  await signIn(String(location));

  writeFileSync(opener, "#!/bin/sh\nexit 3\n");
  const failed = await berth([], display);
  assert.match(failed.err, /No browser has opened the page/);
  await signIn(failed.out.trim());
  const bySsh = await berth([], { ...display, SSH_CONNECTION: "192.0.2.1 5 192.0.2.2 22", USER: "dev" });
  assert.match(bySsh.err, new RegExp(`ssh -L ${port}:127\\.0\\.0\\.1:${port} dev@192\\.0\\.2\\.2`));
  assert.match(bySsh.out.trim(), LINK);
  assert.match((await berth([])).err, /no display/);
  const printed = await berth(["--print"], display);
  await signIn(printed.out.trim());
  const json = JSON.parse((await berth(["--json"], display)).out) as Record<string, string>;
  await signIn(json.url ?? "");
  await runner.stop();
  const none = await berth([]);
  assert.deepEqual([none.code, none.out], [125, ""]);
  assert.match(none.err, /no runner runs here.*berth serve/s);
});

test("another user of the machine is not sent on, and does not use up the way", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can be another user");
  let made = 0;
  await using hop = await startHop(async () => {
    made += 1;
    return "http://127.0.0.1:1/sign-in#code=x";
  });
  const { port, pathname } = new URL(hop.url);
  const ask = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET ${pathname} HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; cat <&3`;
  const other = await run(["bash", "-c", ask], {
    uid: 65_534,
    gid: 65_534,
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
  });
  assert.match(other.stdout.toString(), /^HTTP\/1\.1 403 /);
  assert.equal(made, 0);
  const wrong = await fetch(new URL("/", hop.url), { redirect: "manual" });
  assert.equal(wrong.status, 404);
  const own = await fetch(hop.url, { redirect: "manual" });
  assert.deepEqual(
    [own.status, own.headers.get("location"), made],
    [303, "http://127.0.0.1:1/sign-in#code=x", 1],
  );
  await hop.taken;
});
