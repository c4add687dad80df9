import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A full collection takes about 20 ms: it waits for a time in which nobody notices. */
const WINDOW_MS = 1_000;
const QUIET_UTILIZATION = 0.05;

type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/**
 * Gives the memory back that starting, or a client, has left as garbage: 3.5 of 16 MiB after the start. V8 itself
 * would keep it until it needs it. The option --expose-gc would do the same, but with any option of V8 Node can't
 * use the code that its own modules were built with, which costs 12 ms of each start.
 */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** Releases memory once, in the first quiet second after each call of what it returns. Wakes up for nothing else. */
export function releaseWhenQuiet(release = releaseMemory, windowMs = WINDOW_MS): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    const look = (since: ReturnType<typeof performance.eventLoopUtilization>) => {
      timer = setTimeout(() => {
        const { utilization } = performance.eventLoopUtilization(since);
        if (utilization < QUIET_UTILIZATION) release();
        else look(performance.eventLoopUtilization());
      }, windowMs).unref();
    };
    look(performance.eventLoopUtilization());
  };
}
