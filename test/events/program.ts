// A program of its own that appends to a log until it is killed, for the tests that kill it. What is on the disk it says
// on stdout, a line each: the number of events that it has written so far.
import { writeSync } from "node:fs";
import { openEventLog } from "../../src/events/open.ts";

const [stateDirectory = "", name = "", threads = "", group = "10"] = process.argv.slice(2);
await using log = await openEventLog({ stateDirectory, threads: threads === "threads" });
writeSync(1, "ready\n");
for (let at = 0; ; ) {
  for (let count = 0; count < Number(group); count++, at++) {
    log.append({ type: "test.tick", message: String(at), processId: name, data: { at } });
  }
  await log.flush();
  writeSync(1, `${at}\n`);
}
