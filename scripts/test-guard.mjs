// Loaded before every test file (`node --import`, scripts/test.mjs). Node's test runner waits for as long as a file's
// process lives, and no timeout of its own ends a file whose tests are done but whose event loop is not: something that
// a failed test left open would keep the whole run waiting for ever.
import { relative } from "node:path";
import { after } from "node:test";
import { isMainThread } from "node:worker_threads";

/** How long a file may take to end after its last test. */
const ENDS_WITHIN_MS = 120_000;
const file = process.argv[1] ?? "";

// Threads and forks of a test file inherit the flag; they are no test files.
if (isMainThread && process.env.NODE_TEST_CONTEXT !== undefined && /\.test\.[cm]?[jt]s$/.test(file)) {
  after(() => {
    const timer = setTimeout(() => {
      const open = process.getActiveResourcesInfo().join(", ");
      process.stderr.write(
        `\n✖ ${relative(process.cwd(), file)}: its tests are done, but it did not end within ${ENDS_WITHIN_MS / 1000} s. Still open: ${open}\n`,
      );
      process.exit(1);
    }, ENDS_WITHIN_MS);
    timer.unref();
  });
}
