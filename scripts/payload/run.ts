import { execFile } from "node:child_process";

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a build tool to its end and returns its stdout.
 * @throws Error with the tool's last lines when it fails or is not there
 */
export async function runTool(
  argv: readonly [string, ...string[]],
  options: ToolOptions = {},
): Promise<string> {
  const [command, ...args] = argv;
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      {
        cwd: options.cwd,
        env: { ...process.env, LC_ALL: "C", ...options.env },
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        if (error.code === "ENOENT") return reject(new Error(`${command} is not on this machine`));
        const lines = `${stderr}${stdout}`.trim().split("\n").slice(-8).join("\n  ");
        reject(new Error(`${argv.slice(0, 3).join(" ")} failed: ${error.code ?? error.signal}\n  ${lines}`));
      },
    );
  });
}

/** Whether a command is on the PATH. */
export async function hasTool(command: string): Promise<boolean> {
  return runTool(["sh", "-c", 'command -v "$1"', "sh", command]).then(
    () => true,
    () => false,
  );
}
