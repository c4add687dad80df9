/** Builds the page that the runner serves into dist/web, with what compresses compressed beside it. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "vite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Elsewhere for who builds while others use the page that is there; the tests of the page take it from there. */
const directory = process.env.BERTH_PAGE_DIR || join(root, "dist", "web");

await build({
  configFile: false,
  root: join(root, "web"),
  logLevel: "warn",
  css: {
    modules: {
      // Of the file alone, not of the line as well: names that are alike in most of their letters are small when compressed.
      generateScopedName: (name, file) => `${name}_${hashOf(relative(root, file))}`,
    },
  },
  // No part of the client that only Node can run gets in.
  define: { process: "undefined", "process.env.NODE_ENV": '"production"' },
  build: {
    outDir: directory,
    emptyOutDir: true,
    target: "es2023",
    // Files only: the page's rules allow nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1024,
  },
});

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url").slice(0, 4);
}

let bytes = 0;
for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(?:js|css|html|svg|json|webmanifest)$/.test(entry.name)) continue;
  const path = join(entry.parentPath, entry.name);
  const content = readFileSync(path);
  const small = brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  });
  bytes += small.length;
  // The document itself gets a nonce each time, and is sent as it is.
  if (entry.name.endsWith(".html")) continue;
  writeFileSync(`${path}.br`, small);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
}
console.log(`page: ${(bytes / 1024).toFixed(0)} KiB compressed`);
