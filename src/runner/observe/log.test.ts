import assert from "node:assert/strict";
import { test } from "node:test";
import { berthError } from "../../contract/errors.ts";
import { newToken } from "../access/token-text.ts";
import { createLog } from "./log.ts";

function lines(logFormat: "json" | "text", logLevel?: string) {
  const written: string[] = [];
  const log = createLog({ logTo: { write: (line) => void written.push(line) }, logFormat, logLevel });
  return { log, written };
}

test("a record a line, with time, level, message and fields", () => {
  const { log, written } = lines("json");
  log.info({ route: "getWorkspace", status: 200, duration_ms: 1.5 }, "answered");
  log.debug("not asked for");
  assert.equal(written.length, 1);
  assert.ok(written[0]?.endsWith("}\n"));
  const { time, ...rest } = JSON.parse(written[0] ?? "") as Record<string, unknown>;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, {
    level: "info",
    route: "getWorkspace",
    status: 200,
    duration_ms: 1.5,
    message: "answered",
  });
});

test("at a terminal it reads as text, and control characters steer nothing", () => {
  const { log, written } = lines("text");
  log.warn({ workspace: "a b", bytes: 12, more: { deep: true } }, "went \u001b[31mwrong\nbadly");
  const [line = ""] = written;
  assert.match(line, /^\d\d:\d\d:\d\d\.\d{3} warn {2}went /);
  assert.match(line, /workspace="a b" bytes=12 more=\{"deep":true\}\n$/);
  assert.equal(line.indexOf("\n"), line.length - 1, "one line");
  assert.ok(!line.includes("\u001b"));
});

test("no token gets into a line, whatever is logged", () => {
  const token = newToken();
  for (const format of ["json", "text"] as const) {
    const { log, written } = lines(format);
    log.info({ headers: { authorization: `Bearer ${token}` } }, `with ${token}`);
    log.error({ error: new Error(`Bearer abc.def-ghi failed`) }, "x");
    log.error({ error: berthError("auth.invalid", { context: { value: token } }) }, "y");
    const all = written.join("");
    assert.ok(!all.includes(token), all);
    assert.ok(!all.includes("abc.def-ghi"), all);
  }
});

test("errors of Berth are code, message and hint", () => {
  const { log, written } = lines("json");
  log.error({ error: berthError("workspace.unknown", { context: { selector: "x" } }) }, "failed");
  const { error } = JSON.parse(written[0] ?? "") as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(error).sort(), ["code", "hint", "message"]);
});
