import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { build } from "esbuild";

/** The oldest Node that the bundle runs on. A place may have its own. */
const TARGET = "node18";

/** The script that is started: it runs the daemon with the code that was compiled when it was built. */
export const ENTRY_FILE = "berthd.cjs";
/** The daemon, as one function expression in ASCII. */
export const DAEMON_FILE = "daemon.js";
/** V8's code for it (code-cache.ts). Another Node than the portable one ignores it. */
export const CODE_CACHE_FILE = "daemon.cache";

const ENTRY = `"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

const filename = join(__dirname, ${JSON.stringify(DAEMON_FILE)});
let cachedData;
try {
  cachedData = readFileSync(join(__dirname, ${JSON.stringify(CODE_CACHE_FILE)}));
} catch {
  // Compiled as it is needed.
}
const script = new Script(readFileSync(filename, "latin1"), { filename, cachedData });
cachedData = undefined;
script.runInThisContext()(exports, require, module, filename, __dirname);
`;

export interface BundleOptions {
  /** Root of the checkout. */
  readonly root: string;
  /** Default: src/berthd/main.ts. */
  readonly entry?: string;
  /** Gets `berthd.cjs` and `daemon.js`. */
  readonly directory: string;
}

export interface DaemonBundle {
  readonly directory: string;
  /** Bytes of `daemon.js`. */
  readonly size: number;
  /** The largest inputs, in bytes of the bundle. */
  readonly largest: readonly { readonly path: string; readonly bytes: number }[];
}

/**
 * Bundles the daemon to one script without dependencies, and writes it with the script that starts it. Equal
 * sources give equal bytes.
 * @throws Error with esbuild's messages, or when something is in it that makes it heavy
 */
export async function buildDaemonBundle(options: BundleOptions): Promise<DaemonBundle> {
  const entry = options.entry ?? join(options.root, "src", "berthd", "main.ts");
  const result = await build({
    absWorkingDir: options.root,
    entryPoints: [relative(options.root, entry)],
    outdir: options.directory,
    write: false,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: TARGET,
    // Whitespace and syntax only: names stay, so that a stack trace in a log can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    // An uncaught error prints its whole line.
    lineLimit: 300,
    legalComments: "eof",
    // One byte a character in V8's heap.
    charset: "ascii",
    // A script that is run by node:vm has no `import()`.
    supported: { "dynamic-import": false },
    banner: { js: "(function(exports,require,module,__filename,__dirname){" },
    footer: { js: "})" },
    define: { "process.env.NODE_ENV": '"production"' },
    metafile: true,
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error("esbuild made no output");
  const inputs = Object.values(result.metafile.outputs).flatMap((made) => Object.entries(made.inputs));
  assertLean(inputs);
  await mkdir(options.directory, { recursive: true });
  await writeWhole(join(options.directory, DAEMON_FILE), plainBuiltins(output.text));
  await writeWhole(join(options.directory, ENTRY_FILE), ENTRY);
  return {
    directory: options.directory,
    size: (await stat(join(options.directory, DAEMON_FILE))).size,
    largest: inputs
      .map(([path, { bytesInOutput }]) => ({ path, bytes: bytesInOutput }))
      .sort((left, right) => right.bytes - left.bytes)
      .slice(0, 10),
  };
}

/**
 * Node's own modules as they are. esbuild wraps each import of one in an object with a getter for every export:
 * a thousand getters, 300 KiB of the idle daemon.
 */
function plainBuiltins(text: string): string {
  return text
    .replaceAll(/\b__toESM\((require\("node:[a-z_/]+"\)),\s*1\)/g, "$1")
    .replaceAll(/\b(import_node_[a-z_]+\d*)\.default\b/g, "$1");
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content, { mode: 0o644 });
  await rename(temporary, path);
}

/** What must not come back into the daemon, and why. */
const BANNED: readonly (readonly [RegExp, string])[] = [
  [
    /node_modules\/zod\/v4\/(classic|locales)\//,
    "import zod/mini: zod itself takes 10 MiB and 30 ms of the daemon",
  ],
];

function assertLean(inputs: readonly (readonly [string, { readonly bytesInOutput: number }])[]): void {
  for (const [path, { bytesInOutput }] of inputs) {
    for (const [pattern, reason] of BANNED) {
      if (bytesInOutput > 0 && pattern.test(path))
        throw new Error(`${path} is in the daemon's bundle: ${reason}`);
    }
  }
}
