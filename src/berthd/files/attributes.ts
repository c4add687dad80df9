import { spawn } from "node:child_process";

/**
 * Extended attributes and ACLs, for which node:fs has no calls. berthd gives the one that asks berth-helper; where
 * that can't run, `cp` does it.
 */
export interface AttributeCopier {
  /**
   * Copies extended attributes (ACLs are among them) from one file to another of the same owner and mode. Paths
   * may be `/proc/<pid>/fd/…` of this process. "unknown" where there is no means to look.
   */
  copy(from: string | Buffer, to: string | Buffer): Promise<"copied" | "failed" | "unknown">;
  close(): void;
}

/** Time for one run of cp; a file system that hangs must not hold a write for ever. */
const CP_TIMEOUT_MS = 10_000;

/**
 * GNU cp with `--attributes-only --preserve=xattr,mode`. busybox's cp knows neither, and such a place has no
 * tool that could have set an attribute: it says "unknown", and the file is replaced without them.
 */
export function cpAttributeCopier(): AttributeCopier {
  let supported: Promise<boolean> | undefined;
  const run = (args: readonly (string | Buffer)[]): Promise<number | undefined> =>
    new Promise((resolve) => {
      const child = spawn("cp", args as string[], {
        stdio: "ignore",
        env: { PATH: process.env.PATH ?? "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" },
        timeout: CP_TIMEOUT_MS,
      });
      child.on("error", () => resolve(undefined));
      child.on("exit", (code) => resolve(code ?? undefined));
    });
  return {
    async copy(from, to) {
      supported ??= run(["--attributes-only", "--preserve=xattr,mode", "--version"]).then(
        (code) => code === 0,
      );
      if (typeof from !== "string" || typeof to !== "string" || !(await supported)) return "unknown";
      const code = await run(["--attributes-only", "--preserve=xattr,mode", "--", from, to]);
      return code === 0 ? "copied" : "failed";
    },
    close() {},
  };
}
