import { mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { build } from "esbuild";

/** The oldest Node that the bundle runs on. A place may have its own. */
const TARGET = "node18";

export interface BundleOptions {
  /** Root of the checkout. */
  readonly root: string;
  /** Default: src/berthd/main.ts. */
  readonly entry?: string;
  readonly outfile: string;
}

export interface DaemonBundle {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The largest inputs, in bytes of the bundle. */
  readonly largest: readonly { readonly path: string; readonly bytes: number }[];
}

/**
 * Bundles the daemon to one ES module without dependencies. Equal sources give equal bytes.
 * @throws Error with esbuild's messages
 */
export async function buildDaemonBundle(options: BundleOptions): Promise<DaemonBundle> {
  const entry = options.entry ?? join(options.root, "src", "berthd", "main.ts");
  const { version } = JSON.parse(await readFile(join(options.root, "package.json"), "utf8")) as {
    version: string;
  };
  const result = await build({
    absWorkingDir: options.root,
    entryPoints: [relative(options.root, entry)],
    outfile: options.outfile,
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target: TARGET,
    // Whitespace and syntax only: names stay, so that a stack trace in a log can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "eof",
    charset: "utf8",
    // Dependencies that are CommonJS ask for Node's own modules by `require`.
    banner: {
      js: 'import{createRequire as __berthRequire}from"node:module";const require=__berthRequire(import.meta.url);',
    },
    define: { "process.env.NODE_ENV": '"production"', "process.env.BERTH_VERSION": JSON.stringify(version) },
    metafile: true,
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error("esbuild made no output");
  await mkdir(dirname(options.outfile), { recursive: true });
  const temporary = `${options.outfile}.${process.pid}.tmp`;
  await writeFile(temporary, output.contents, { mode: 0o644 });
  await rename(temporary, options.outfile);
  const inputs = Object.values(result.metafile.outputs).flatMap((made) => Object.entries(made.inputs));
  return {
    path: options.outfile,
    size: (await stat(options.outfile)).size,
    largest: inputs
      .map(([path, { bytesInOutput }]) => ({ path, bytes: bytesInOutput }))
      .sort((left, right) => right.bytes - left.bytes)
      .slice(0, 10),
  };
}
