import { spawn } from "node:child_process";
import type Docker from "dockerode";
import type { Runtime } from "../src/contract/runtime.ts";

/** What users would do instead: `child_process` with piped output. */
export function spawnPiped(argv: readonly string[], onData?: (chunk: Buffer) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.on("data", onData ?? (() => {}));
    child.stderr.resume();
    child.on("error", reject);
    child.on("close", (code) => resolve(code ?? -1));
  });
}

/** The engine's exec call as a program makes it: create, start, read to the end, inspect. */
export async function engineExec(container: Docker.Container, argv: readonly string[]): Promise<number> {
  const exec = await container.exec({ Cmd: [...argv], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: false });
  stream.resume();
  await new Promise<void>((resolve, reject) => stream.on("end", resolve).on("error", reject));
  const { ExitCode } = await exec.inspect();
  return ExitCode ?? -1;
}

export async function exitsZero(
  run: PromiseLike<{ readonly exitCode: number | null } | number>,
): Promise<void> {
  const result = await run;
  const code = typeof result === "number" ? result : result.exitCode;
  if (code !== 0) throw new Error(`the measured command exited ${code}`);
}

/** The bulk command: a known number of bytes that can be checked. */
export const BULK_BYTES = 400_000_000;
export const BULK_COMMAND = ["head", "-c", String(BULK_BYTES), "/dev/zero"];

/** MB/s of the bulk command through a reader of chunks; the bytes are counted and hashed at the end only by count. */
export async function bulkRate(
  read: (onData: (chunk: Uint8Array) => void) => Promise<unknown>,
): Promise<number> {
  let bytes = 0;
  const startedMs = performance.now();
  await read((chunk) => {
    bytes += chunk.length;
  });
  const seconds = (performance.now() - startedMs) / 1000;
  if (bytes !== BULK_BYTES) throw new Error(`${bytes} of ${BULK_BYTES} bytes arrived`);
  return BULK_BYTES / 1e6 / seconds;
}

export async function readAll(runtime: Runtime, onData: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of runtime.exec(BULK_COMMAND)) {
    if (chunk.type === "gap") throw new Error("a gap in lossless output");
    if (chunk.type === "data") onData(chunk.data);
  }
}
