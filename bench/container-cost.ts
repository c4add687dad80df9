import type { Runtime } from "../src/contract/runtime.ts";

const MEMORY = "/sys/fs/cgroup/memory";

/**
 * MiB that the kernel charges to the runtime's container, without file pages that it would give back at once, as
 * `docker stats` counts. Waits until two looks in a row agree, since a collector works after the load.
 */
export async function settledMemory(runtime: Runtime): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 20; look++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await charged(runtime);
    if (Math.abs(now - last) < 0.2) return now;
    last = now;
  }
  return last;
}

async function charged(runtime: Runtime): Promise<number> {
  // cgroup v1 as mounted in the container; the processes of this very look are a few hundred KiB.
  const { stdout } = await runtime.exec(
    `cat ${MEMORY}/memory.usage_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.current; grep -E '^(total_)?inactive_file ' ${MEMORY}/memory.stat 2>/dev/null || grep '^inactive_file ' /sys/fs/cgroup/memory.stat`,
  );
  const lines = stdout.trim().split("\n");
  const usage = Number(lines[0]);
  const inactive = Number(lines.at(-1)?.split(" ")[1] ?? 0);
  return (usage - inactive) / 2 ** 20;
}

/** Times a second that the daemon's threads were woken while nothing was asked of it. */
export async function switchesPerSecond(runtime: Runtime, seconds: number): Promise<number> {
  const count = async (): Promise<number> => {
    const { stdout } = await runtime.exec(
      "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q 'berthd.*serve' && grep -h ctxt_switches $p/task/*/status; done",
    );
    return stdout.split("\n").reduce((sum, line) => sum + Number(line.split(":")[1] ?? 0), 0);
  };
  // What a look itself costs is taken off: two looks in a row.
  const first = await count();
  const second = await count();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const third = await count();
  return Math.max(0, third - second - (second - first)) / seconds;
}
