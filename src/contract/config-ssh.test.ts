import assert from "node:assert/strict";
import * as net from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseRuntimeConfig } from "./config.ts";
import { isIPv6, parseSshHost } from "./config-ssh.ts";
import { isBerthError } from "./errors.ts";
import { parseRuntimeUri } from "./uri.ts";

const configured = (fields: object): unknown =>
  parseRuntimeConfig({ type: "ssh", ...fields }, "runtimes.box");

function refused(fields: object, field: string, reason: RegExp): void {
  assert.throws(
    () => configured(fields),
    (error) => {
      assert.ok(isBerthError(error, "config.invalid"), String(error));
      assert.match(error.message, reason);
      assert.ok(error.message.startsWith(`runtimes.box: ${field}`), error.message);
      return true;
    },
    JSON.stringify(fields),
  );
}

test("a host is a name, an alias, user@host with a port, or a URI", () => {
  for (const [host, parts] of [
    ["box", { host: "box" }],
    ["box_1.dev-team", { host: "box_1.dev-team" }],
    ["coder.my-workspace", { host: "coder.my-workspace" }],
    ["dev@box", { host: "box", user: "dev" }],
    ["dev@box:2222", { host: "box", user: "dev", port: 2222 }],
    ["192.0.2.7:22", { host: "192.0.2.7", port: 22 }],
    ["me@corp.example@box", { host: "box", user: "me@corp.example" }],
    ["CORP\\me@box", { host: "box", user: "CORP\\me" }],
    ["ssh://box", { host: "box" }],
    ["ssh://dev@box:2222/srv/app", { host: "box", user: "dev", port: 2222, workdir: "/srv/app" }],
    ["ssh://box/", { host: "box" }],
    ["ssh://box/~", { host: "box", workdir: "~" }],
    ["ssh://box/~/app", { host: "box", workdir: "~/app" }],
    ["ssh://box/~app", { host: "box", workdir: "/~app" }],
    ["ssh://box/a%20b c?d#e@f:1", { host: "box", workdir: "/a%20b c?d#e@f:1" }],
  ] as const) {
    assert.deepEqual(configured({ host }), { type: "ssh", ...parts }, host);
    if (host.startsWith("ssh://")) assert.deepEqual(parseRuntimeUri(host), { type: "ssh", ...parts }, host);
  }
});

test("an IPv6 address stands in brackets where something follows it, and comes out without them", () => {
  assert.deepEqual(parseRuntimeUri("ssh://[::1]"), { type: "ssh", host: "::1" });
  assert.deepEqual(parseRuntimeUri("ssh://dev@[2001:db8::2]:2222/srv"), {
    type: "ssh",
    host: "2001:db8::2",
    user: "dev",
    port: 2222,
    workdir: "/srv",
  });
  assert.deepEqual(configured({ host: "[fe80::1%eth0]:22" }), {
    type: "ssh",
    host: "fe80::1%eth0",
    port: 22,
  });
  assert.deepEqual(configured({ host: "2001:db8::2" }), { type: "ssh", host: "2001:db8::2" });
  refused({ host: "dev@2001:db8::2:x" }, "host", /stands in brackets/);
  assert.throws(() => parseRuntimeUri("ssh://::1/srv"), /in brackets: ssh:\/\/dev@\[::1\]/);
});

test("what comes out goes in again unchanged", () => {
  for (const host of ["box", "dev@box:2222", "[::1]:2222", "ssh://a@b/c", "ssh://[fe80::1%eth0]/~"]) {
    const once = configured({ host });
    assert.deepEqual(parseRuntimeConfig(once), once, host);
  }
});

test("an incomplete configuration is refused with the field, the reason and an example", () => {
  refused({}, "host", /host is missing, for example host: "dev@box"/);
  refused({ host: "" }, "host", /missing or not valid; for example box, dev@box/);
  refused({ host: 7 }, "host", /has to be a text, for example/);
  refused({ host: "@box" }, "host", /user name is not valid; for example/);
  refused({ host: "dev@" }, "host", /missing or not valid; for example/);
  refused({ host: "ssh://" }, "host", /missing or not valid; for example/);
  refused({ host: "ssh:///srv" }, "host", /missing or not valid; for example/);
  refused({ host: "box/srv" }, "host", /a host has no path; for example .*ssh:\/\/dev@box\/srv\/app/);
  for (const port of ["box:", "box:0", "box:65536", "box:22x", "box:-1", "box:1e3"]) {
    refused({ host: port }, "host", /port has to be a number from 1 to 65535; for example/);
  }
  for (const port of [0, 65_536, 1.5, "22"]) {
    refused({ host: "box", port }, "port", /has to be a number from 1 to 65535, such as 2222/);
  }
  refused({ host: "box", user: "a b" }, "user", /is not a user name, such as "dev"/);
  refused({ host: "box", identityFile: "key" }, "identityFile", /absolute path, or start with ~\//);
  refused({ host: "box", transport: "telnet" }, "transport", /"openssh"/);
  refused({ host: "box", hostKeys: "off" }, "hostKeys", /"strict"/);
  refused({ host: "box", ipaddress: "x" }, "", /ipaddress/);
});

test("a configuration that contradicts itself is refused with the field, the reason and an example", () => {
  refused(
    { host: "dev@box", user: "root" },
    "user",
    /"root" contradicts the host, which says "dev".*host: "box"/,
  );
  refused({ host: "box:22", port: 2222 }, "port", /2222 contradicts the host, which says 22.*port: 2222/);
  refused({ host: "ssh://box/srv", workdir: "/app" }, "workdir", /contradicts the host, which says "\/srv"/);
  refused({ host: "box", transport: "openssh", password: { env: "P" } }, "password", /transport: "ssh2"/);
  refused({ host: "box", transport: "openssh", passphrase: { env: "P" } }, "passphrase", /transport: "ssh2"/);
  refused(
    { host: "box", knownHostsFile: "/dev/null" },
    "knownHostsFile",
    /every host.*for example.*~\/\.ssh/,
  );
  assert.deepEqual(configured({ host: "dev@box:22", user: "dev", port: 22 }), {
    type: "ssh",
    host: "box",
    user: "dev",
    port: 22,
  });
});

test("nothing that is an option or that a shell would run is a host or a user", () => {
  for (const text of [
    "-oProxyCommand=x",
    "a b",
    "a\tb",
    "a\nb",
    "a\0b",
    "$(id)",
    "`id`",
    "a;b",
    "a|b",
    "a&b",
    "a'b",
    'a"b',
    "a>b",
    "\x1b[0m",
    "a\\",
  ]) {
    assert.equal(typeof parseSshHost(text), "string", JSON.stringify(text));
    assert.equal(typeof parseSshHost(`ssh://${text}`), "string", JSON.stringify(text));
    assert.equal(typeof parseSshHost(`${text}@box`), "string", JSON.stringify(text));
    refused({ host: "box", user: text }, "user", /is not a user name/);
  }
});

test("a password is refused wherever it stands, and shown nowhere", () => {
  const secret = "hunter2";
  for (const uri of [`ssh://dev:${secret}@box/srv`, `ssh://dev:a@${secret}@box`, `ssh://:${secret}@box`]) {
    assert.throws(
      () => parseRuntimeUri(uri),
      (error) =>
        isBerthError(error, "runtime.uri_invalid") &&
        /password: \{ env: "NAME" \}/.test(error.message) &&
        !JSON.stringify(error).includes(secret),
      uri,
    );
  }
  for (const attempt of [
    () => parseRuntimeUri(`ssh:dev:${secret}@box`),
    () => parseRuntimeUri(`ssh://dev:${secret}\0@box`),
    () => configured({ host: `dev:${secret}@box` }),
    () => configured({ host: "box", password: secret }),
    () => configured({ host: "box", password: { value: secret } }),
    () => configured({ host: "box", passphrase: { env: `${secret}!` } }),
  ]) {
    assert.throws(attempt, (error) => isBerthError(error) && !JSON.stringify(error).includes(secret));
  }
});

test("whatever is given, a configuration that goes in again or a typed error comes out", () => {
  const hostLike = fc.string({
    unit: fc.constantFrom(..."ab1.-_@:/[]%~ \\$;'\0", "é", "::1", "ssh://", "dev@", ":22", "/srv"),
  });
  const attempt = (read: () => unknown): void => {
    let config: unknown;
    try {
      config = read();
    } catch (error) {
      assert.ok(
        isBerthError(error, "config.invalid") || isBerthError(error, "runtime.uri_invalid"),
        String(error),
      );
      return;
    }
    assert.deepEqual(parseRuntimeConfig(config), config);
    const { host, user } = config as { host: string; user?: string };
    for (const word of [host, user ?? "x"]) assert.match(word, /^[^\s\0\-'"`$;&<>|][^\s\0'"`$;&<>|]*$/);
  };
  fc.assert(fc.property(hostLike, (host) => attempt(() => configured({ host }))));
  fc.assert(fc.property(hostLike, (rest) => attempt(() => parseRuntimeUri(`ssh://${rest}`))));
  fc.assert(
    fc.property(
      fc.record({ host: fc.anything(), user: fc.anything(), port: fc.anything() }, { requiredKeys: [] }),
      (fields) => attempt(() => configured(fields)),
    ),
  );
});

test("an address of IPv6 is one in pages as in Node", () => {
  const texts = [
    "::1",
    "::",
    "fe80::1%eth0",
    "2001:db8::1",
    "1:2:3:4:5:6:7:8",
    "::ffff:1.2.3.4",
    "::1%",
    "::1%a b",
  ];
  texts.push(
    "",
    "1.2.3.4",
    "box",
    "1:2",
    ":::",
    "1::2::3",
    "12345::",
    "::1.2.3",
    "::1.2.3.4.5",
    "::1]",
    "g::",
    "::1/64",
  );
  texts.push("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::1.2.3.256", "::01.2.3.4", "%eth0", "::1%eth0%x");
  for (const text of texts) assert.equal(isIPv6(text), net.isIPv6(text), text);
});
