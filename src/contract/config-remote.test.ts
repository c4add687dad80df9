import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRuntimeConfig } from "./config.ts";
import { isBerthError } from "./errors.ts";
import { parseRuntimeUri } from "./uri.ts";

test("runner:// names a runner and a workspace; only this machine is spoken with in the clear", () => {
  const remote = (url: string, workspace: string) => ({ type: "remote", url, workspace });
  assert.deepEqual(parseRuntimeUri("runner://box/fix"), remote("https://box:7333", "fix"));
  assert.deepEqual(parseRuntimeUri("runner://box:8443/shop/fix"), remote("https://box:8443", "shop/fix"));
  assert.deepEqual(parseRuntimeUri("runner://127.0.0.1/fix"), remote("http://127.0.0.1:7333", "fix"));
  assert.deepEqual(parseRuntimeUri("runner://localhost:1/fix"), remote("http://localhost:1", "fix"));
  assert.deepEqual(parseRuntimeUri("runner://[::1]:9/w0123456789"), remote("http://[::1]:9", "w0123456789"));
  assert.deepEqual(parseRuntimeUri("runner://10.0.0.7/fix"), remote("https://10.0.0.7:7333", "fix"));
});

test("a URI that is none says why, and never what a token in it would be", () => {
  for (const uri of [
    "runner:box/fix",
    "runner://",
    "runner:///fix",
    "runner://box",
    "runner://box/",
    "runner://box:0/fix",
    "runner://box:99999/fix",
    "runner://b ox/fix",
    "runner://hunter2@box/fix",
    "runner://me:hunter2@box/fix",
  ]) {
    assert.throws(
      () => parseRuntimeUri(uri),
      (error) => isBerthError(error, "runtime.uri_invalid") && !JSON.stringify(error).includes("hunter2"),
      uri,
    );
  }
});

test("the address of a runner holds no token, and a token is a reference", () => {
  const base = { type: "remote", url: "https://box:7333", workspace: "fix" };
  assert.deepEqual(parseRuntimeConfig({ ...base, token: { env: "TOKEN" }, ca: "/ca.pem" }).type, "remote");
  for (const [wrong, field] of [
    [{ ...base, url: "https://hunter2@box" }, "url"],
    [{ ...base, url: "https://box/?token=hunter2" }, "url"],
    [{ ...base, url: "ftp://box" }, "url"],
    [{ ...base, url: "box" }, "url"],
    [{ ...base, token: "hunter2" }, "token"],
    [{ ...base, workspace: "" }, "workspace"],
    [{ ...base, daemon: "never" }, "daemon"],
    [{ type: "remote", workspace: "fix" }, ""],
  ] as const) {
    assert.throws(
      () => parseRuntimeConfig(wrong),
      (error) => {
        assert.ok(isBerthError(error, "config.invalid"));
        assert.ok(!JSON.stringify(error).includes("hunter2"));
        if (field !== "") assert.deepEqual(error.context.fields, [field]);
        return true;
      },
    );
  }
});
