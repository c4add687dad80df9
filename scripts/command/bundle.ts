import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { join } from "node:path";
import { build, type Metafile } from "esbuild";

/** The oldest Node that `berth` runs on. */
const TARGET = "node24";
/** Loaded as they are: ssh2 finds native parts beside itself where they were built, the others are installed by who wants them. */
const EXTERNAL = ["ssh2", "pg", "@opentelemetry/sdk-trace", "@opentelemetry/exporter-trace-otlp-http"];

/**
 * Bundles the command, split so that each of its words loads only what it needs. A package of many small files costs
 * more to look for and to read than to run.
 * @throws Error with esbuild's messages
 */
export async function buildCommandBundle(options: { readonly root: string; readonly directory: string }) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: options.root,
    // The worker is a file of its own, found beside the chunk that starts it.
    entryPoints: { main: "src/cli/main.ts", "events-worker": "src/events/events-worker.ts" },
    outdir: options.directory,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: TARGET,
    external: EXTERNAL,
    // Names and lines stay, so that a stack trace can be read.
    minifySyntax: true,
    legalComments: "none",
    define: { "process.env.NODE_ENV": '"production"' },
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  await rm(options.directory, { recursive: true, force: true });
  await mkdir(options.directory, { recursive: true });
  for (const { path, text } of outputFiles) await writeFile(path, plainBuiltins(text));
  await writeFile(join(options.directory, "licenses.txt"), await licenses(options.root, metafile));
  return Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
}

/**
 * Node's own modules as `process.getBuiltinModule` gives them; packages have variables of the name "process", too. An
 * `import` of one makes a module record with every export, and so runs its getters: those of node:http alone load a
 * fetch client, 40 ms of every command.
 */
export function plainBuiltins(text: string): string {
  const taken: string[] = [];
  const rest = text
    .replace(
      /^import (?:\* as ([\w$]+)|([\w$]+)?(?:, )?(?:\{([^}]*)\})?) from "(node:[\w/]+)";\n/gm,
      (
        _,
        namespace: string | undefined,
        whole: string | undefined,
        names: string | undefined,
        module: string,
      ) => {
        const source = `globalThis.process.getBuiltinModule("${module}")`;
        for (const name of [namespace, whole])
          if (name !== undefined) taken.push(`const ${name} = ${source};\n`);
        if (names !== undefined) taken.push(`const {${names.replaceAll(" as ", ": ")}} = ${source};\n`);
        return "";
      },
    )
    // What is no module of Node is something that a package can do without, and tries.
    .replace(/\b__require\("([\w:/]+)"\)/g, (whole, module: string) =>
      isBuiltin(module) ? `globalThis.process.getBuiltinModule("${module}")` : whole,
    );
  return taken.join("") + rest;
}

/** The licences of the packages whose code is in the bundle, which they ask to go with it. */
async function licenses(root: string, metafile: Metafile): Promise<string> {
  const directories = Object.keys(metafile.inputs).flatMap(
    (path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  );
  const texts = [...new Set(directories)].sort().map(async (directory) => {
    const names = await readdir(join(root, directory));
    const file = names.find((name) => /^licen[cs]e/i.test(name));
    const { name, version, license } = JSON.parse(
      await readFile(join(root, directory, "package.json"), "utf8"),
    ) as { name: string; version: string; license: string };
    const text = file === undefined ? "" : `\n${await readFile(join(root, directory, file), "utf8")}`;
    return `${name} ${version} (${license})\n${text.trimEnd()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(80)}\n\n`);
}
