import assert from "node:assert/strict";
import { test } from "node:test";
import { routeOf, workspacePath } from "./router.ts";

test("addresses mean what they say", () => {
  assert.deepEqual(routeOf("/"), { name: "workspaces" });
  assert.deepEqual(routeOf("/errors/ssh.host_key_unknown"), { name: "error", code: "ssh.host_key_unknown" });
  const found = routeOf("/w/ws_1/files", "?path=a%20b");
  assert.equal(found.name === "workspace" && found.tab === "files" && found.query.get("path"), "a b");
  assert.equal(routeOf("/w/ws_1/nothing").name, "unknown");
  assert.equal(routeOf("/w/%zz").name, "workspace");
});

test("a path of a workspace leads back to it, whatever its id", () => {
  const found = routeOf(
    ...(workspacePath("shop/fix?x", "changes", { base: "head" }).split(/(?=\?)/) as [string]),
  );
  assert.deepEqual(found.name === "workspace" && [found.id, found.tab, found.query.get("base")], [
    "shop/fix?x",
    "changes",
    "head",
  ]);
});
