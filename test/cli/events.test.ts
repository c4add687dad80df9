import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { waitFor } from "../fixtures/process.ts";
import { collect, desk } from "./berth.ts";

interface Event {
  readonly sequence: number;
  readonly type: string;
  readonly actor: string;
  readonly process_id?: string;
}

test("berth events: what the command did is there, followed, exported and verified; what was changed is named", async () => {
  await using at = await desk();
  const ok = async (...args: string[]) => {
    const { code, stdout, stderr } = await at.run(args);
    assert.equal(code, 0, stderr);
    return stdout.toString();
  };
  const events = async (...args: string[]): Promise<Event[]> =>
    (await ok("events", "--json", ...args))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Event);

  assert.deepEqual(await events(), []);
  const secret = "hunter22-hunter22";
  assert.equal(
    await ok("exec", "--env", `PASSWORD=${secret}`, "--", "sh", "-c", `echo ${secret}`),
    `${secret}\n`,
  );
  const first = await events();
  const types = first.map(({ type }) => type);
  for (const type of ["runtime.selected", "process.started", "process.exited"])
    assert.equal(types.filter((one) => one === type).length, 1, `${type}: ${types}`);
  assert.ok(first.every(({ actor }) => actor === "cli"));
  assert.ok(!JSON.stringify(first).includes(secret));
  const lines = (await ok("events")).split("\n");
  assert.match(
    lines.at(-2) ?? "",
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}process\.exited {2,}process \w+ ended with exit code 0$/,
  );

  const following = at.start(["events", "-f", "--type", "process", "--json", "--limit", "0"]);
  let said = "";
  following.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const ended = collect(following);
  // It follows from the moment at which it has begun: more commands until it says one.
  await waitFor(
    "what happens now is followed",
    async () => {
      await ok("exec", "--", "true");
      return said.includes('"process.exited"');
    },
    { deadlineMs: 60_000 },
  );
  following.kill("SIGINT");
  assert.equal((await ended).code, 0);
  const process_ = first.find(({ type }) => type === "process.started")?.process_id ?? "";
  assert.deepEqual(
    (await events("--process", process_)).map(({ type }) => type),
    ["process.started", "process.exited"],
  );
  assert.deepEqual((await events("--since", "1h")).slice(0, first.length), first);
  assert.deepEqual(await events("--until", "1h"), []);
  const wrong = await at.run(["events", "--type", "process.*"]);
  assert.equal(wrong.code, 125);
  assert.match(wrong.stderr, /no events of the type "process\.\*" \[cli\.usage\]/);
  assert.equal((await events("--limit", "2")).length, 2);

  writeFileSync(join(at.directory, "head.json"), await ok("events", "sign"));
  assert.match(
    await ok("events", "verify", "--head", "head.json"),
    /agrees with the head \d+ that was signed/,
  );
  await ok("events", "export", "--out", "events.txt");
  assert.match(
    await ok("events", "verify", "events.txt", "--public-key", "state/events.pub"),
    /records verified, 1 to/,
  );
  const text = await readFile(join(at.directory, "events.txt"), "utf8");
  writeFileSync(join(at.directory, "events.txt"), text.replace("exit code 0", "exit code 1"));
  const changed = await at.run(["events", "verify", "events.txt"]);
  assert.equal(changed.code, 1);
  const number = first.find(({ type }) => type === "process.exited")?.sequence;
  assert.match(changed.stdout.toString(), new RegExp(`^BROKEN at record ${number} \\(changed\\)`));
  for (const args of [["export.txt"], ["head.json"], ["events.txt", "--head", "events.txt"]]) {
    const refused = await at.run(["events", "verify", ...args]);
    assert.equal(refused.code, 125, refused.stderr);
    assert.match(refused.stderr, /ENOENT|config\.invalid/);
  }

  assert.match(await ok("events", "prune", "--keep-days", "1"), /^0 records removed/);
  const database = new DatabaseSync(join(at.directory, "state/berth.db"));
  database.exec("delete from event_log where sequence > 2");
  database.close();
  const cut = await at.run(["events", "verify", "--json"]);
  assert.equal(cut.code, 1);
  const broken = (JSON.parse(cut.stdout.toString()) as { broken: { sequence: number; damage: string } })
    .broken;
  assert.deepEqual([broken.sequence, broken.damage], [3, "cut"]);
  assert.equal((await at.run(["events", "--since", "yesterday-ish"])).code, 125);
});
