import assert from "node:assert/strict";
import { test } from "node:test";
import type { Params } from "../../wire/messages.ts";
import { checkRequest, type RequestRules } from "./request-rules.ts";

const rules = (scope: RequestRules["scope"]): RequestRules => ({
  scope,
  workspaceId: "ws1",
  workdir: "/work",
  access: { env: {}, user: undefined, processLogDir: undefined, mapPath: (path) => `/mapped${path}` },
});

test("every path of a change is mapped, and its request is the workspace's own", () => {
  const message = {
    method: "fs.change",
    params: {
      requestId: "r",
      changes: [
        { type: "edit", path: "/a", moveTo: "/b", bytes: 2 },
        { type: "remove", path: "/c" },
      ],
    },
  };
  const { params } = checkRequest(message, rules("operate"));
  const { requestId, changes } = params as Params<"fs.change">;
  assert.equal(requestId, "ws1.r");
  assert.deepEqual(
    changes.map(({ path, moveTo }) => [path, moveTo]),
    [
      ["/mapped/a", "/mapped/b"],
      ["/mapped/c", undefined],
    ],
  );
  assert.throws(() => checkRequest(message, rules("read")), { code: "auth.forbidden" });
});

test("who may only look reads texts inside of the workspace alone", () => {
  const { params } = checkRequest({ method: "fs.readText", params: { path: "/a" } }, rules("read"));
  const { path, contained } = params as Params<"fs.readText">;
  assert.equal(path, "/mapped/a");
  assert.deepEqual(contained, { root: "/work" });
  const message = { method: "fs.readText", params: { path: "/a", contained: { root: "/" } } };
  assert.throws(() => checkRequest(message, rules("read")), { code: "auth.forbidden" });
});
