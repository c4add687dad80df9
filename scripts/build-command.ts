/** Bundles the `berth` command into dist/command. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCommandBundle } from "./command/bundle.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bytes = await buildCommandBundle({ root, directory: join(root, "dist", "command") });
console.log(`command bundle: ${(bytes / 1024).toFixed(0)} KiB`);
