import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { killGroup, waitFor } from "../fixtures/process.ts";

/** A running program.ts. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Lines that it has said after "ready". */
  said(): string[];
  go(): void;
  kill(): Promise<void>;
  /** Waits for its end and gives what it said. @throws when it failed */
  finished(): Promise<string[]>;
}

/** Starts one and waits until it is ready. */
export async function program(mode: string, ...args: readonly (string | number)[]): Promise<Program> {
  const path = join(import.meta.dirname, "program.ts");
  const child: ChildProcess = spawn(process.execPath, [path, mode, ...args.map(String)], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const ended = once(child, "close");
  let out = "";
  let complaint = "";
  child.stdout?.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    complaint += chunk;
  });
  const said = () => out.split("\n").slice(1, -1);
  await waitFor(`${mode} is ready`, () => out.startsWith("ready\n") || child.exitCode !== null, {
    deadlineMs: 60_000,
    everyMs: 5,
  });
  if (!out.startsWith("ready\n")) throw new Error(`${mode} did not start: ${complaint}`);
  const kill = async () => {
    killGroup(child);
    await ended;
  };
  return {
    pid: child.pid ?? 0,
    said,
    go: () => child.stdin?.write("\n"),
    kill,
    async finished() {
      await ended;
      if (child.exitCode !== 0)
        throw new Error(`${mode}: ${child.exitCode ?? child.signalCode}: ${complaint}`);
      return said();
    },
    [Symbol.asyncDispose]: kill,
  };
}
