import { fileURLToPath } from "node:url";

/** The helper as the build made it for this machine. */
export const HELPER_PATH = fileURLToPath(
  new URL(`../../../native/build/linux-${process.arch}/berth-helper`, import.meta.url),
);
