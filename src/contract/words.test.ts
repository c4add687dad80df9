import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";
import { ERROR_REGISTRY } from "./error-registry.ts";
import { BerthError, berthError, fileError, isBerthError, toBerthError } from "./errors.ts";
import { parseSignal, SIGNAL_NUMBERS, signalName, signalNumber } from "./signals.ts";
import { VERSION } from "./version.ts";

test("durations are numbers with a unit", () => {
  assert.deepEqual(
    ["500ms", "1s", "2m", "1.5h", "1d"].map(parseDuration),
    [500, 1000, 120_000, 5_400_000, 86_400_000],
  );
  for (const text of ["5", "", "s", "-1s", "1 s", "1w", "1e3s", "0x1s"]) {
    assert.throws(() => parseDuration(text), { code: "config.invalid" }, text);
  }
  assert.deepEqual([12, 950, 1500, 61_000, 7_200_000, 2 * 86_400_000].map(formatDuration), [
    "12ms",
    "950ms",
    "1.5s",
    "1m",
    "2h",
    "2d",
  ]);
  fc.assert(fc.property(fc.nat(1e9), (ms) => parseDuration(`${ms}ms`) === ms));
});

test("signals by name, short name and number; all others are refused and never a kill", () => {
  assert.deepEqual(["SIGTERM", "term", "15", 9].map(parseSignal), [
    "SIGTERM",
    "SIGTERM",
    "SIGTERM",
    "SIGKILL",
  ]);
  for (const text of ["SEGV", "SIGPIPE", "11", "0", "-9", "", "TERM "]) {
    assert.throws(() => parseSignal(text), { code: "process.signal_unsupported" }, text);
  }
  for (const [name, number] of Object.entries(SIGNAL_NUMBERS)) assert.equal(signalNumber(name), number);
  assert.deepEqual([signalName(11), signalName(40), signalNumber("SIG40")], ["SIGSEGV", "SIG40", 40]);
});

test("an error keeps code, hint and hop across copies of the package and over a wire", () => {
  const error = berthError("docker.container_not_running", {
    context: { container: "web" },
    hop: "transport",
  });
  assert.match(error.message, /container web is not running/);
  assert.match(error.hint, /docker start web/);
  const copy = new BerthError(JSON.parse(JSON.stringify(error)));
  assert.deepEqual(
    [copy.code, copy.hint, copy.hop, copy.retryable],
    [error.code, error.hint, "transport", true],
  );
  const foreign = Object.assign(Object.create({}), copy, { [Symbol.for("berth.error")]: true });
  assert.ok(isBerthError(foreign, "docker.container_not_running"));
  assert.ok(!isBerthError(foreign, "docker.container_paused"));
  assert.ok(!isBerthError(new Error("x")));
});

test("file errors carry the errno name and the path", () => {
  const error = fileError(Object.assign(new Error("x"), { code: "ENOSPC" }), "/a b");
  assert.deepEqual([error.code, error.path], ["ENOSPC", "/a b"]);
  assert.equal(fileError(Object.assign(new Error("x"), { code: "EWEIRD" }), "/a").code, "internal");
  for (const code of ["ENFILE", "EFBIG", "ENODEV", "ESTALE", "EDQUOT"]) {
    assert.equal(fileError(Object.assign(new Error("x"), { code }), "/a").code, code);
  }
  assert.equal(fileError(error, "/other"), error);
  assert.equal(toBerthError("text", "berthd").code, "internal");
});

test("every entry of the registry has a text, a hint and an HTTP status", () => {
  for (const [code, entry] of Object.entries(ERROR_REGISTRY)) {
    assert.match(code, /^(internal|[a-z]+\.[a-z_]+|E[A-Z]+)$/, code);
    assert.ok(entry.message.length > 3 && entry.hint.length > 10, code);
    assert.ok(entry.status >= 400 && entry.status < 600, code);
  }
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  assert.equal(VERSION, version);
});
