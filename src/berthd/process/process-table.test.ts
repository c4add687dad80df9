import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { parsePsLine, psTable, readStat } from "./process-table.ts";

test("ps tells of a process what /proc tells", async () => {
  const child = spawn("sleep", ["60"], { detached: true, stdio: "ignore" });
  await once(child, "spawn");
  try {
    const pid = child.pid ?? 0;
    const byPs = (await psTable()).find((stat) => stat.pid === pid);
    const byProc = await readStat(pid);
    assert.ok(byPs !== undefined && byProc !== undefined);
    assert.deepEqual([byPs.parent, byPs.group], [byProc.parent, byProc.group]);
    assert.ok(Math.abs(byPs.startTime - Date.now()) < 60_000, "it was started just now");
    assert.equal((await psTable()).find((stat) => stat.pid === pid)?.startTime, byPs.startTime);
  } finally {
    child.kill("SIGKILL");
  }
});

// Lines as the manuals of ps(1) describe them; none of these systems can be had for a test.
test("lines of ps on macOS, FreeBSD and OpenBSD", () => {
  const macos = parsePsLine("  501     1   501 Ss   Fri Nov 21 09:03:12 2025    ");
  assert.deepEqual(macos, {
    pid: 501,
    parent: 1,
    group: 501,
    state: "S",
    startTime: Date.parse("Fri Nov 21 09:03:12 2025"),
  });
  assert.equal(parsePsLine("98123 98001 98123 Z+   Fri Nov 21 09:03:12 2025")?.state, "Z");
  assert.equal(parsePsLine("72001     1 72001 Ip   Mon Jan  5 01:02:03 2026")?.state, "I");
  assert.equal(parsePsLine("ps: illegal option -- o"), undefined);
});
