import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { noise, numbered, printNumbered, readAll, sha256, waitFor } from "../conformance/kit.ts";
import type { Proxy as FaultyNetwork } from "../fixtures/network.ts";
import { type LocalBench, localBench, times } from "./bench.ts";

/** Cuts every connection after a random number of bytes, until `until` settles; no wait between two cuts is planned. */
async function cutting<T>(network: FaultyNetwork, until: Promise<T>, atMost: number): Promise<T> {
  const cut = (direction: "up" | "down", bytes: number) => {
    network.set(direction, { cutAfterBytes: network.connections() > 0 ? bytes : Infinity });
  };
  let cuts = 0;
  const timer = setInterval(() => {
    if (cuts++ >= atMost) {
      network.set("up", {});
      network.set("down", {});
      clearInterval(timer);
      return;
    }
    if (cuts % 2 === 0) cut("up", Math.floor(Math.random() * 4_000));
    else cut("down", Math.floor(Math.random() * 400_000));
  }, 60);
  try {
    return await until;
  } finally {
    clearInterval(timer);
    network.set("up", {});
    network.set("down", {});
  }
}

/** A daemon that runs, and a client whose way to it is cut again and again. */
async function behindFaults(bench: LocalBench) {
  const direct = await bench.open();
  await direct.exec(["true"]);
  const network = await bench.between();
  return { network, runtime: await bench.open() };
}

test("output goes on where it was when the connection is cut at random bytes", async () => {
  for (let turn = 0; turn < times(2, 40); turn++) {
    await using bench = await localBench();
    const { network, runtime } = await behindFaults(bench);
    const count = 400_000;
    const seen = await cutting(network, readAll(runtime.exec(printNumbered(count))), 12);
    assert.deepEqual(seen.gaps, []);
    assert.equal(sha256(seen.all), sha256(numbered(count)));
    assert.equal(seen.exit?.exit.exitCode, 0);
  }
});

test("a command runs once however often the connection is cut, and its input arrives whole", async () => {
  await using bench = await localBench();
  const { network, runtime } = await behindFaults(bench);
  const ran = join(bench.workdir, "ran");
  await writeFile(ran, "");
  const input = noise(300_000);
  const runs = async () => {
    for (let turn = 0; turn < times(15, 300); turn++) {
      const { stdout } = await runtime.exec(["sh", "-c", `echo ${turn} >> "$0"; sha256sum`, ran], { input });
      assert.equal(stdout.split(" ")[0], sha256(input));
    }
  };
  await cutting(network, runs(), times(20, 400));
  const lines = (await readFile(ran, "utf8")).trim().split("\n").map(Number);
  assert.deepEqual(
    lines,
    Array.from({ length: times(15, 300) }, (_, index) => index),
  );
});

test("a write is whole or not at all when the connection is cut in the middle of it", async () => {
  await using bench = await localBench();
  const { network, runtime } = await behindFaults(bench);
  const path = join(bench.workdir, "directory", "file");
  const contents = ["a", "b"].map((letter) => letter.repeat(600_000));
  await runtime.fs.writeFile(path, contents[0]!);
  let failed = 0;
  const writes = async () => {
    for (let turn = 0; turn < times(20, 300); turn++) {
      const content = contents[turn % 2]!;
      await runtime.fs.writeFile(path, content).catch((error: { code?: string; retryable?: boolean }) => {
        assert.equal(error.code, "transport.disconnected");
        assert.equal(error.retryable, true);
        failed++;
      });
      assert.ok(contents.includes(await readFile(path, "utf8")));
    }
  };
  await cutting(network, writes(), times(20, 300));
  const names = async () => (await waitForNames(runtime.fs.readdir(join(bench.workdir, "directory")))).join();
  await waitFor("no temporary is left", async () => (await names()) === "file");
  assert.ok(failed >= 0);
});

async function waitForNames(listing: Promise<readonly { readonly name: string }[]>): Promise<string[]> {
  return (await listing).map(({ name }) => name);
}

test("a place that answers no more is told, and works again when it answers", async () => {
  await using bench = await localBench();
  const { network, runtime } = await behindFaults(bench);
  const started = await runtime.spawn("read -r line; echo after", { stdin: "pipe" });
  network.cut();
  network.refuse(true);
  const late = runtime.fs.stat("/").then(
    () => "answered",
    (error: { code: string }) => error.code,
  );
  network.refuse(false);
  assert.match(await late, /^(answered|transport\.(disconnected|unavailable))$/);
  await waitFor("it is reached again", () => runtime.fs.stat("/"));
  await started.stdin.write("go\n");
  assert.equal((await readAll(started.output())).all.toString(), "after\n");
});
