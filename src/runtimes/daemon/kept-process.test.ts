import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { test } from "node:test";
import { TestPlace, until } from "./testing.ts";

test("a process kept by readers outlives handle and runtime, and is ended once nobody reads", async () => {
  await using place = await TestPlace.open();
  let id: string;
  {
    await using runtime = await place.runtime();
    await using process = await runtime.spawn("trap '' HUP; sleep 1000", {
      keptBy: "readers",
      leaseMs: 1_500,
    });
    id = process.id;
  }
  await using runtime = await place.runtime();
  const found = await runtime.process(id);
  const watching = found.exit;
  watching.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await found.signal("WINCH");
  // The runtime stays connected, and yet nobody reads any more.
  found.release();
  await until(() =>
    found.signal("WINCH").then(
      () => false,
      (error) => error.code === "process.reaping",
    ),
  );
  // Writing to what takes no input is no reason to keep it.
  await assert.rejects((await runtime.process(id)).stdin.write("x"), { code: "process.reaping" });
  await assert.rejects(found.signal("WINCH"), { code: "process.reaping" });
  assert.deepEqual(await found.kill("KILL"), { left: 0 });
});

test("a request id that two clients use starts one process", async () => {
  await using place = await TestPlace.open();
  await using one = await place.runtime();
  await using two = await place.runtime();
  const options = { requestId: randomUUID(), keptBy: "readers" } as const;
  const command = "echo x >> once; sleep 1000";
  const both = await Promise.all([one.spawn(command, options), two.spawn(command, options)]);
  assert.equal(both[0].id, both[1].id);
  await until(async () => (await one.fs.exists("once")) && (await one.fs.readFile("once", "utf8")) !== "");
  assert.equal(await one.fs.readFile("once", "utf8"), "x\n");
  await both[0].kill("KILL");
});

test("what was flushed arrives although the handle is let go at once", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("head -c 3000000 | sha256sum", { stdin: "pipe", detached: true });
  const bytes = randomBytes(1_000_000);
  for (let index = 0; index < 3; index++) {
    const writer = await runtime.process(process.id);
    await writer.stdin.write(bytes);
    await writer.stdin.flush();
    writer.release();
  }
  await process.exit;
  const hash = createHash("sha256").update(bytes).update(bytes).update(bytes).digest("hex");
  let printed = "";
  for await (const part of process.stdout) printed += Buffer.from(part).toString();
  assert.equal(printed.split(" ")[0], hash);
});

test("a writer that waits for a process which ends without reading is not left waiting", async () => {
  await using place = await TestPlace.open();
  await using runtime = await place.runtime();
  await using process = await runtime.spawn("sleep 0.3", { stdin: "pipe", detached: true });
  const writer = await runtime.process(process.id);
  // Its pipe may break before its end is known: then the rest is discarded, as a pipe would.
  await writer.stdin
    .write(randomBytes(2_000_000))
    .catch((error) => assert.equal(error.code, "process.finished"));
  await process.exit;
  await until(() =>
    writer.stdin.write("x").then(
      () => false,
      (error) => error.code === "process.finished",
    ),
  );
});

test("a repeat of a start by another client goes on with the input where the first one ended", async () => {
  await using place = await TestPlace.open();
  await using one = await place.runtime();
  await using two = await place.runtime({
    dial: (options) => place.dial({ ...options, clientId: "another" }),
  });
  const requestId = randomUUID();
  const input = randomBytes(300_000);
  const first = await one.spawn("sha256sum", { requestId, stdin: "pipe", detached: true });
  await first.stdin.write(input.subarray(0, 100_000));
  await first.stdin.flush();
  const again = await two.exec("sha256sum", { requestId, input });
  assert.equal(again.processId, first.id);
  assert.equal(again.stdout.split(" ")[0], createHash("sha256").update(input).digest("hex"));
});
