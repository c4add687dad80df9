import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { privateDirectory } from "../state-directory.ts";

export const DEFAULT_LEASE_MS = 24 * 60 * 60_000;
/** The lease is renewed that often in its length, and at least once a minute. */
const RENEWALS_PER_LEASE = 4;
const MAX_RENEWAL_MS = 60_000;

/**
 * A container's directory on this machine: `<state>/containers/<name>/`, with `run` mounted into the container and
 * `lease` whose time is the last sign of life of the container's owner. A label can't be changed once a container
 * is made, so the lease is a file. The name is random and the parent is closed to others, so that `run` can be open
 * to whatever user the container runs as.
 */
export interface ContainerRecord {
  readonly name: string;
  readonly directory: string;
  readonly runDirectory: string;
  readonly token: string;
}

export function recordsDirectory(stateDirectory: string): string {
  return join(stateDirectory, "containers");
}

/** Makes the directory, with the token in it, before the container. */
export async function createRecord(stateDirectory: string): Promise<ContainerRecord> {
  await privateDirectory(stateDirectory);
  const parent = await privateDirectory(recordsDirectory(stateDirectory));
  const name = randomBytes(8).toString("hex");
  const directory = join(parent, name);
  const runDirectory = join(directory, "run");
  const token = randomBytes(32).toString("hex");
  await mkdir(directory, { mode: 0o755 });
  await writeFile(join(directory, "lease"), "", { mode: 0o600 });
  await mkdir(runDirectory);
  await chmod(runDirectory, 0o777);
  await writeFile(join(runDirectory, "token"), `${token}\n`);
  await chmod(join(runDirectory, "token"), 0o644);
  return { name, directory, runDirectory, token };
}

/** The record of a container that exists; undefined when it is gone or damaged. */
export async function readRecord(stateDirectory: string, name: string): Promise<ContainerRecord | undefined> {
  if (!/^[0-9a-f]{16}$/.test(name)) return undefined;
  const directory = join(recordsDirectory(stateDirectory), name);
  const runDirectory = join(directory, "run");
  const token = (await readFile(join(runDirectory, "token"), "utf8").catch(() => "")).trim();
  return token === "" ? undefined : { name, directory, runDirectory, token };
}

export async function recordNames(stateDirectory: string): Promise<string[]> {
  const names = await readdir(recordsDirectory(stateDirectory)).catch(() => [] as string[]);
  return names.filter((name) => /^[0-9a-f]{16}$/.test(name));
}

/** Notes on which engine its container is: only that one can say whether it is gone. */
export async function noteEngine(record: ContainerRecord, endpoint: string): Promise<void> {
  await writeFile(join(record.directory, "engine"), `${endpoint}\n`, { mode: 0o600 });
}

/** Milliseconds since the last sign of life of the owner; undefined without a record. */
export async function leaseAgeMs(stateDirectory: string, name: string): Promise<number | undefined> {
  const path = join(recordsDirectory(stateDirectory), name, "lease");
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : Date.now() - found.mtimeMs;
}

/** Renews the lease until disposed; does not keep the program running. */
export function keepLease(record: ContainerRecord, leaseMs: number): Disposable {
  const path = join(record.directory, "lease");
  const renew = () => {
    const now = new Date();
    // A record that is gone has no lease; whoever removed it has removed the container as well.
    utimes(path, now, now).catch(() => {});
  };
  renew();
  const timer = setInterval(renew, Math.min(MAX_RENEWAL_MS, leaseMs / RENEWALS_PER_LEASE));
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/**
 * Removes a record's files. False when some belong to the container's user and this one may not remove them.
 */
export async function removeRecord(stateDirectory: string, name: string): Promise<boolean> {
  const directory = join(recordsDirectory(stateDirectory), name);
  try {
    await rm(directory, { recursive: true, force: true });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") return false;
    throw error;
  }
}
