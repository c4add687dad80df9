import assert from "node:assert/strict";
import { test } from "node:test";
import { ranked } from "./match.ts";

test("letters in their order find, and what is closest comes first", () => {
  const titles = ["Go to events", "New workspace", "shop/fix-login", "Sign out"];
  const find = (query: string) => ranked(titles, query, (title) => title);
  assert.deepEqual(find(""), titles);
  assert.equal(find("new")[0], "New workspace");
  assert.equal(find("fxlg")[0], "shop/fix-login");
  assert.equal(find("work")[0], "New workspace");
  assert.deepEqual(find("zzz"), []);
});
