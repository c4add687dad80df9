import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { portableNodeArgv } from "../../src/runtimes/payload-launch.ts";
import type { PayloadPlatform } from "../../src/runtimes/payload-manifest.ts";
import { CODE_CACHE_FILE, DAEMON_FILE } from "./bundle.ts";

/**
 * Runs the daemon's top level in the Node that it is for, and writes what V8 compiled meanwhile. `version` is the
 * mode that does nothing else.
 */
const COMPILE = `
const { readFileSync, writeFileSync } = require("node:fs");
const { Script } = require("node:vm");
const [, , from, to] = process.argv;
const script = new Script(readFileSync(from, "latin1"), { filename: "daemon.js" });
process.argv = [process.argv[0], from, "version"];
script.runInThisContext()(exports, require, module, from, "/");
writeFileSync(to, script.createCachedData());
process.exit(0);
`;

// Header of V8's code cache: magic number, version, source hash, hash of the flags, … in 32 bits each
// (SerializedCodeData in V8's src/snapshot/code-serializer.h).
const FLAGS_HASH_OFFSET = 12;
const FLAGS_HASH_BYTES = 4;

/**
 * V8's code for the daemon, which saves 10 ms of each start and 1.5 MiB of the idle daemon. The same bytes for the
 * same daemon and Node: made with a fixed hash seed, and then marked as made with the flags that the daemon has.
 * V8 checks version, flags and length of the source, and compiles anew when one of them differs.
 *
 * @returns undefined where the platform's Node can't be run here
 */
export async function compileDaemon(options: {
  readonly platform: PayloadPlatform;
  /** Holds `daemon.js`; gets `daemon.cache`. */
  readonly bundleDirectory: string;
  readonly nodeDirectory: string;
  readonly nodeFlags: readonly string[];
}): Promise<string | undefined> {
  if (options.platform !== `${process.platform}-${process.arch}`) return undefined;
  const scratch = await mkdtemp(join(tmpdir(), "berth-code-"));
  try {
    const compiler = join(scratch, "compile.cjs");
    await writeFile(compiler, COMPILE);
    const compile = async (name: string, flags: readonly string[]) => {
      const to = join(scratch, name);
      const [command = "", ...args] = portableNodeArgv(options.nodeDirectory, [
        ...options.nodeFlags,
        ...flags,
      ]);
      const from = join(options.bundleDirectory, DAEMON_FILE);
      await promisify(execFile)(command, [...args, compiler, from, to], { env: {} });
      return readFile(to);
    };
    const code = await compile("seeded", ["--hash-seed=1"]);
    const plain = await compile("plain", []);
    plain.copy(code, FLAGS_HASH_OFFSET, FLAGS_HASH_OFFSET, FLAGS_HASH_OFFSET + FLAGS_HASH_BYTES);
    const path = join(options.bundleDirectory, CODE_CACHE_FILE);
    await writeFile(path, code, { mode: 0o644 });
    return path;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
