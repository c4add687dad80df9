import assert from "node:assert/strict";
import { hostname, userInfo } from "node:os";
import { test } from "node:test";
import { runLocal } from "./openssh-client.ts";
import { expandPath, parseSshConfigOutput, splitPaths, type TokenContext } from "./ssh-config-output.ts";

/** A variable as ssh's configuration names it. */
const KEYS = "$" + "{KEYS}";

test("the output of ssh -G is taken apart line by line", () => {
  const output = parseSshConfigOutput(
    "host box\nIdentityFile ~/a b\nidentityfile ~/c\nempty\n\nproxycommand a  b\n",
  );
  assert.deepEqual(output.get("identityfile"), ["~/a b", "~/c"]);
  assert.deepEqual(output.get("proxycommand"), ["a  b"]);
  assert.equal(output.get("empty"), undefined);
  assert.deepEqual(splitPaths("/a b ~/c /d"), ["/a b", "~/c", "/d"]);
  assert.deepEqual(splitPaths("none"), []);
});

test("tokens of a path are those of ssh_config(5)", () => {
  const context: TokenContext = {
    home: "/home/me",
    localUser: "me",
    userId: 1000,
    alias: "box",
    hostname: "192.0.2.7",
    port: 2222,
    user: "dev",
    proxyJump: "jump",
    hostKeyAlias: undefined,
    environment: { KEYS: "/k %h" },
  };
  const machine = hostname();
  assert.equal(
    expandPath("%d|%h|%i|%j|%k|%n|%p|%r|%u|%%|%l", context),
    `/home/me|192.0.2.7|1000|jump|box|box|2222|dev|me|%|${machine}`,
  );
  assert.equal(expandPath("~/x~/%%h", context), "/home/me/x~/%h");
  // What a variable holds is not looked at again.
  assert.equal(expandPath(`${KEYS}/a`, context), "/k %h/a");
  assert.equal(expandPath("$" + "{NO}/a", context), undefined);
  assert.equal(expandPath("%z", context), undefined);
  assert.equal(expandPath("a%", context), undefined);
});

test("tokens are replaced as ssh does", async () => {
  const given = ["HostName=192.0.2.7", "User=dev", "Port=2222"].flatMap((option) => ["-o", option]);
  const { homedir, username, uid } = userInfo();
  const context: TokenContext = {
    ...{ home: homedir, localUser: username, userId: uid, environment: process.env },
    ...{ alias: "box", hostname: "192.0.2.7", port: 2222, user: "dev" },
    ...{ proxyJump: undefined, hostKeyAlias: undefined },
  };
  for (const token of ["%C", "%d", "%h", "%i", "%k", "%L", "%l", "%n", "%p", "%r", "%u", "%%", "~"]) {
    const path = token === "~" ? "~/x" : `/x-${token}`;
    // ssh looks for the socket, does not find it, and names the path that it has made of the tokens.
    const argv = ["ssh", "-F", "none", ...given, "-o", `ControlPath=${path}`, "-O", "check", "box"];
    const { stderr } = await runLocal(argv);
    assert.equal(/connect\((.*)\)/.exec(stderr)?.[1], expandPath(path, context), token);
  }
});
