import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratchDirectory } from "../../src/runtimes/payload.testing.ts";
import { readElf, stripElf } from "./elf.ts";
import { parseLdd } from "./libraries.ts";

test("a program's architecture, loader and libraries are read as ldd sees them", async () => {
  const elf = readElf(await readFile(process.execPath));
  assert.equal(elf.arch, process.arch);
  assert.match(elf.interpreter ?? "", /^\/lib.*\/ld-/);
  const listed = [...parseLdd(execFileSync("ldd", [process.execPath]).toString()).keys()];
  assert.ok(elf.needed.includes("libc.so.6"));
  for (const name of elf.needed) if (!name.startsWith("ld-")) assert.ok(listed.includes(name), name);
});

test("a stripped program is smaller and runs", async () => {
  await using scratch = await scratchDirectory();
  const data = await readFile(process.execPath);
  const stripped = stripElf(data);
  assert.ok(stripped.length < data.length);
  assert.equal(readElf(stripped).loadedBytes, stripped.length);
  assert.deepEqual(stripElf(stripped), stripped);
  const path = join(scratch.path, "node");
  await writeFile(path, stripped);
  await chmod(path, 0o755);
  assert.equal(execFileSync(path, ["-p", "process.version"]).toString().trim(), process.version);
});

test("what is no ELF file is refused", () => {
  for (const data of [Buffer.alloc(0), Buffer.from("#!/bin/sh\n".padEnd(80)), Buffer.alloc(200)]) {
    assert.throws(() => readElf(data), /not a 64-bit/);
  }
});

test("ldd's lines: found, missing, the loader, the kernel's own", () => {
  const text = `
	linux-vdso.so.1 (0x00007ffe)
	libdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f1c)
	libodd.so => /opt/a b/libodd.so (0x1)
	libgone.so.1 => not found
	/lib64/ld-linux-x86-64.so.2 (0x00007f1d)
	/lib64/ld-linux-x86-64.so.2 => /lib/ld.so (0x00007f1d)
`;
  assert.deepEqual(
    [...parseLdd(text)],
    [
      ["libdl.so.2", "/lib/x86_64-linux-gnu/libdl.so.2"],
      ["libodd.so", "/opt/a b/libodd.so"],
      ["libgone.so.1", undefined],
    ],
  );
});
