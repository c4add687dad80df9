import assert from "node:assert/strict";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { RuntimeConfig } from "../../contract/config.ts";
import { isBerthError } from "../../contract/errors.ts";
import { placeBelow, refusePathMap } from "./layout.ts";
import type { PlacementRequest } from "./placement.ts";
import { placementFor } from "./placement-for.ts";

function request(config: RuntimeConfig, more: Partial<PlacementRequest> = {}): PlacementRequest {
  return {
    workspaceId: "w0123456789",
    name: "fix-login",
    project: { id: "abcdef012345", name: "shop", path: "/home/me/my shop", trusted: false },
    gitDir: "/home/me/my shop/.git",
    ownerId: "0".repeat(32),
    config,
    place: undefined,
    stateDirectory: "/home/me/.local/state/berth",
    ...more,
  };
}

test("a type that this version does not have is refused by name, whatever it is called", async () => {
  for (const type of ["kubernetes", "constructor", "__proto__", "toString", ""]) {
    await assert.rejects(placementFor({ type }), (error) => {
      assert.ok(isBerthError(error, "runtime.type_unsupported"), String(error));
      assert.equal(error.context.type, type);
      return true;
    });
  }
});

test("local is the project's own directory, where nothing is made, opened or removed", async () => {
  const asked = request({ type: "local" });
  const placement = await placementFor(asked.config);
  const { place, runtime } = await placement.prepare(asked, {});
  assert.deepEqual(place, { path: "/home/me/my shop", base: null });
  assert.equal(runtime, undefined);
  assert.deepEqual([placement.sharesRepository, placement.stoppable], [true, false]);
  assert.deepEqual(placement.configOf(asked, place), {
    type: "local",
    workdir: "/home/me/my shop",
    workspace: "w0123456789",
  });
  assert.deepEqual(await placement.discard(asked, {}), []);
});

test("a worktree stands below the state directory, or where the configuration says", async () => {
  for (const [baseDir, expected] of [
    [undefined, "/home/me/.local/state/berth/worktrees"],
    ["/srv/my trees", "/srv/my trees"],
    ["~/trees", join(homedir(), "trees")],
  ] as const) {
    const asked = request({ type: "worktree", ...(baseDir === undefined ? {} : { baseDir }) });
    const placement = await placementFor(asked.config);
    const { place, runtime, git } = await placement.prepare(asked, {});
    const path = `${expected}/shop-abcdef/fix-login`;
    assert.deepEqual(place, { path, base: "/home/me/my shop/.git" });
    assert.deepEqual([runtime, git.description], [undefined, "this machine"]);
    assert.deepEqual(placement.configOf(asked, place), {
      ...asked.config,
      workdir: path,
      workspace: "w0123456789",
    });
  }
});

test("what was decided stays, whatever the workspace and the configuration are called now", async () => {
  const place = { path: "/elsewhere/shop-abcdef/before", base: "/home/me/my shop/.git" };
  for (const type of ["local", "worktree"] as const) {
    const placement = await placementFor({ type });
    assert.deepEqual((await placement.prepare(request({ type }, { place }), {})).place, place);
  }
});

test("a checkout that is there already is taken where it is", async () => {
  for (const type of ["local", "worktree"] as const) {
    const placement = await placementFor({ type });
    const { place } = await placement.prepare(request({ type }, { existing: "/srv/shop" }), {});
    assert.deepEqual(place, { path: "/srv/shop", base: null });
  }
});

test("two projects of one name have directories of their own", () => {
  const one = { id: "abcdef012345", name: "shop", path: "/a/shop", trusted: false };
  const other = { ...one, id: "123456012345", path: "/b/shop" };
  assert.deepEqual(placeBelow("/srv/berth", one, "fix"), {
    path: "/srv/berth/shop-abcdef/fix",
    base: "/srv/berth/shop-abcdef/.base.git",
  });
  assert.equal(placeBelow("/srv/berth", other, "fix").path, "/srv/berth/shop-123456/fix");
});

test("a pathMap that leaves the workspace's path alone is none of its business", () => {
  const pathMap = [{ host: "/home/me", container: "/work" }];
  refusePathMap(undefined, "/srv/berth/shop-abcdef/fix");
  refusePathMap(pathMap, "/srv/berth/shop-abcdef/fix");
  assert.throws(
    () => refusePathMap(pathMap, "/home/me/berth/shop-abcdef/fix"),
    (error) => isBerthError(error, "config.invalid"),
  );
});
