import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { browserOf, forwardHint } from "./browser.ts";
import { connectionUser } from "./browser-hop.ts";

test("where there is a display a program of the PATH opens the browser; by SSH none of this machine does", () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-browser-"));
  try {
    const [first, second] = [join(directory, "1"), join(directory, "2")];
    for (const path of [first, second]) mkdirSync(path);
    mkdirSync(join(first, "wslview"));
    writeFileSync(join(first, "xdg-open"), "not to be run");
    writeFileSync(join(second, "xdg-open"), "");
    writeFileSync(join(second, "open"), "");
    for (const name of ["xdg-open", "open"]) chmodSync(join(second, name), 0o755);
    const PATH = `relative::${first}:${second}`;
    const opened = { program: join(second, "xdg-open") };
    assert.deepEqual(browserOf({ PATH, DISPLAY: ":0" }), opened);
    assert.deepEqual(browserOf({ PATH, WAYLAND_DISPLAY: "wayland-0" }), opened);
    assert.deepEqual(browserOf({ PATH, WSL_DISTRO_NAME: "Debian" }), opened);
    assert.deepEqual(browserOf({ PATH, DISPLAY: "" }), { missing: "display" });
    assert.deepEqual(browserOf({ PATH: first, DISPLAY: ":0" }), { missing: "program" });
    assert.deepEqual(browserOf({ DISPLAY: ":0" }), { missing: "program" });
    const ssh = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" };
    assert.deepEqual(browserOf({ PATH, DISPLAY: "localhost:10.0", ...ssh }), { missing: "ssh" });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("by SSH it is said how a port of this machine alone is reached", () => {
  const env = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22", USER: "dev" };
  const url = "http://127.0.0.1:7333/sign-in#code=x";
  assert.equal(forwardHint(url, env), "ssh -L 7333:127.0.0.1:7333 dev@192.0.2.2");
  const other = { SSH_CONNECTION: "2001:db8::1 5 2001:db8::2 2222", USER: "dev" };
  assert.equal(forwardHint("http://[::1]/", other), "ssh -L 80:[::1]:80 -p 2222 dev@2001:db8::2");
  assert.equal(forwardHint("https://berth.example.com/", env), undefined);
  assert.equal(forwardHint(url, { USER: "dev" }), undefined);
});

test("the kernel's table says whose a connection of 127.0.0.1 is", () => {
  const row = (local: string, remote: string, user: number) =>
    `   1: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000  ${user}        0 33220199 1 0000000085c65cc6 20 4 30 10 -1`;
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    row("0100007F:1CA5", "0100007F:C350", 7),
    row("0200007F:C350", "0100007F:1CA5", 8),
    row("0100007F:C350", "0100007F:1CA6", 9),
    row("0100007F:C350", "0100007F:1CA5", 1000),
    row("0000000000000000FFFF00000100007F:C351", "0000000000000000FFFF00000100007F:1CA5", 1001),
    row("00000000000000000000000001000000:C352", "0000000000000000FFFF00000100007F:1CA5", 1002),
  ].join("\n");
  assert.equal(connectionUser(table, 50_000, 7333), 1000);
  assert.equal(connectionUser(table, 50_001, 7333), 1001, "a socket of IPv6");
  assert.equal(connectionUser(table, 50_002, 7333), undefined);
  assert.equal(connectionUser(table, 1, 7333), undefined);
  assert.equal(connectionUser("", 50_000, 7333), undefined);
});
