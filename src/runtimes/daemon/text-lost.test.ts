import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import type { FileChange } from "../../contract/text.ts";
import { TestPlace, until } from "./testing.ts";

/** Ends a connection when this end has sent so many bytes more. */
function cutAfter(near: Duplex, bytes: number): void {
  const write = near.write.bind(near) as (chunk: Buffer, ...rest: unknown[]) => boolean;
  let left = bytes;
  near.write = ((chunk: Buffer, ...rest: unknown[]) => {
    if (chunk.length <= left) {
      left -= chunk.length;
      return write(chunk, ...rest);
    }
    if (left > 0) write(chunk.subarray(0, left));
    left = 0;
    setImmediate(() => near.destroy());
    return false;
  }) as typeof near.write;
}

const append = (path: string, text: string): FileChange => ({
  type: "edit",
  path,
  edits: [{ type: "insert", line: -1, text }],
});

test("a change whose request is cut anywhere is made once, or not at all when nobody asks again", async () => {
  await using place = await TestPlace.open();
  let made = 0;
  for (let bytes = 0; bytes < 900; bytes += 30) {
    for (const again of [true, false]) {
      // Of their own: what an earlier request had come to may still be under way.
      const [a, b] = [`a ${bytes} ${again}`, `b ${bytes} ${again}`];
      for (const name of [a, b]) writeFileSync(join(place.directory, name), "0\n");
      const content = (name: string) => readFileSync(join(place.directory, name), "utf8");
      let cut = false;
      let dials = 0;
      place.beforeDial = () => {
        if (dials++ > 0 && !again) throw new Error("the network is gone");
      };
      let near: Duplex | undefined;
      place.onConnection = (end) => {
        near = end;
      };
      await using runtime = await place.runtime({ retry: { baseMs: 1, maxMs: 5 }, giveUpAfterMs: 20 });
      await runtime.fs.stat(".");
      assert.ok(near !== undefined);
      near.once("close", () => {
        cut = true;
      });
      cutAfter(near, bytes);
      const outcome = await runtime.fs.change([append(a, "1"), append(b, "1")]).then(
        (files) => files.length,
        (error: { code: string }) => error.code,
      );
      if (outcome === 2) {
        made += 1;
        assert.deepEqual([content(a), content(b)], ["0\n1\n", "0\n1\n"], "once");
        if (!cut) return assert.ok(made > 0);
        continue;
      }
      assert.equal(again, false, `not made, although it could have been asked again: ${outcome}`);
      if (outcome !== "edit.outcome_unknown") assert.deepEqual([content(a), content(b)], ["0\n", "0\n"]);
      // What the daemon has got whole it does, told or not, in both of them.
      await until(() => content(a) === content(b));
    }
  }
});

/** The answer to a change never leaves the first connection's daemon; `then` gets the near end. Returns how many connections there were. */
function loseAnswer(place: TestPlace, then: (near: Duplex) => void): () => number {
  let connections = 0;
  place.onConnection = (near, far) => {
    if (connections++ > 0) return;
    const write = far.write.bind(far) as (chunk: Buffer, ...rest: unknown[]) => boolean;
    far.write = ((chunk: Buffer, ...rest: unknown[]) => {
      if (!chunk.includes("additions")) return write(chunk, ...rest);
      then(near);
      return true;
    }) as typeof far.write;
  };
  return () => connections;
}

test("an answer that is lost is asked for again, and the change is made once", async () => {
  await using place = await TestPlace.open();
  writeFileSync(join(place.directory, "a"), "0\n");
  const connections = loseAnswer(place, (near) => setImmediate(() => near.destroy()));
  await using runtime = await place.runtime();
  const [file] = await runtime.fs.change([append("a", "1")]);
  assert.equal(connections(), 2);
  assert.equal(file?.additions, 1);
  assert.equal(readFileSync(join(place.directory, "a"), "utf8"), "0\n1\n");
});

test("a daemon that ended before its answer: it is said that nobody knows", async () => {
  await using place = await TestPlace.open();
  writeFileSync(join(place.directory, "a"), "0\n");
  loseAnswer(place, (near) => void place.restart().then(() => near.destroy()));
  await using runtime = await place.runtime();
  await assert.rejects(runtime.fs.change([append("a", "1")]), { code: "edit.outcome_unknown" });
  assert.equal(readFileSync(join(place.directory, "a"), "utf8"), "0\n1\n");
});

test("content of many megabytes, and names of nothing left behind", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime({ bulkConnection: true });
  const content = "0123456789abcde\n".repeat(1_000_000);
  await runtime.fs.change([
    { type: "write", path: "large", content },
    { type: "write", path: "small", content: "x" },
  ]);
  assert.equal((await runtime.fs.stat("large")).size, 16_000_000);
  const [edited] = await runtime.fs.change([append("large", "end")]);
  assert.equal(edited?.additions, 1);
  const read = await runtime.fs.readText("large", { startLine: -1 });
  assert.ok(read.kind === "text");
  assert.deepEqual(read.lines, [{ number: 1_000_001, text: "end" }]);
  assert.deepEqual(
    readdirSync(place.directory)
      .filter((name) => !name.startsWith(".berthd-"))
      .sort(),
    ["large", "small"],
  );
});
