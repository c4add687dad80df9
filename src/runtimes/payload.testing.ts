import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findPayload, type Payload } from "./payload.ts";
import {
  describeParts,
  type PayloadFile,
  type PayloadManifest,
  type PayloadPart,
} from "./payload-manifest.ts";

/** A temporary directory that goes with its scope. */
export async function scratchDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "berth-payload-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const CONTENT: readonly (readonly [PayloadPart, string, 0o755 | 0o644, string])[] = [
  ["bundle", "berthd.mjs", 0o644, "console.log('daemon');\n"],
  ["bundle", "berth-helper", 0o755, "#!/bin/sh\nexit 0\n"],
  ["node", "ld.so", 0o755, "#!/bin/sh\nexit 0\n"],
  ["node", "node", 0o755, "n".repeat(300_001)],
  ["node", "lib/libc.so.6", 0o644, "l".repeat(512)],
  ["node", "lib/libstdc++.so.6", 0o644, ""],
];

/** A small payload with the shape of a real one, built in `root`. */
export async function smallPayload(root: string, extra = ""): Promise<Payload> {
  const files: PayloadFile[] = [];
  for (const [part, path, mode, text] of CONTENT) {
    const content = path === "berthd.mjs" ? text + extra : text;
    const target = join(root, "linux-x64", part, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    await chmod(target, mode);
    const sha256 = createHash("sha256").update(content).digest("hex");
    files.push({ part, path, mode, size: content.length, sha256 });
  }
  const manifest: PayloadManifest = {
    schema: 1,
    ...describeParts(files),
    platform: "linux-x64",
    version: "0.0.0",
    nodeVersion: "24.0.0",
    nodeFlags: ["--v8-pool-size=1"],
    entry: "berthd.mjs",
    helper: "berth-helper",
    libraries: ["libc6 0"],
    files,
  };
  await writeFile(join(root, "linux-x64", "manifest.json"), JSON.stringify(manifest));
  return findPayload("linux-x64", { directory: root });
}
