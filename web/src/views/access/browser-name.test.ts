import assert from "node:assert/strict";
import { test } from "node:test";
import { browserName } from "./browser-name.ts";

test("browsers are called what people call them", () => {
  const webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
  const names: readonly (readonly [string | null, string])[] = [
    [`Mozilla/5.0 (X11; Linux x86_64) ${webkit} Chrome/143.0.0.0 Safari/537.36`, "Chrome on Linux"],
    [`Mozilla/5.0 (Windows NT 10.0) ${webkit} Chrome/143.0 Safari/537.36 Edg/143.0`, "Edge on Windows"],
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
      "Firefox on macOS",
    ],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iOS"],
    ["curl/8.5", "curl/8.5"],
    [null, "Unknown browser"],
  ];
  for (const [agent, name] of names) assert.equal(browserName(agent), name);
});
