import { spawn } from "node:child_process";
import { access, constants, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Capabilities } from "../../src/contract/capabilities.ts";
import { scratchDirectory } from "../fixtures/disk.ts";
import { killGroup, output } from "../fixtures/process.ts";
import { argvAs, type OrdinaryUser, ordinaryUser, runAs } from "../fixtures/user.ts";
import type { Case } from "./case.ts";
import type { PlaceName } from "./places.ts";
import type { Outcome } from "./record.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What the worker says, a line each. */
export type WorkerLine =
  | { readonly type: "ready"; readonly capabilities: Capabilities }
  | { readonly type: "outcome"; readonly id: string; readonly outcome: Outcome; readonly error?: string }
  | { readonly type: "done" };

export interface Worker extends AsyncDisposable {
  readonly place: { readonly name: string; readonly runtime: { readonly capabilities: Capabilities } };
  /** Settles when the worker has run the case. */
  outcome(id: string): Promise<Outcome>;
}

/** Runs cases in a place by a process of an ordinary user who may use the Docker engine. */
export async function asOrdinaryUser(
  name: PlaceName,
  cases: readonly Case[],
  concurrency: number,
): Promise<Worker> {
  await using failed = new AsyncDisposableStack();
  const user = failed.use(await ordinaryUser());
  const checkout = await readableCheckout(user, failed);
  const script = join(checkout, "test", "conformance", "worker.ts");
  const program = process.execPath.replace(`${ROOT}/`, `${checkout}/`);
  const argv = [program, script, name, String(concurrency), cases.map(({ id }) => id).join()];
  const passed = ["CI", "BERTH_LONG", "BERTH_PAYLOAD_DIR", "DOCKER_HOST"];
  const env = Object.fromEntries(passed.map((variable) => [variable, process.env[variable]]));
  const [command, ...args] = argvAs(user, argv, env);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], detached: true });
  const results = new Map(cases.map(({ id }) => [id, Promise.withResolvers<Outcome>()]));
  for (const { promise } of results.values()) promise.catch(() => {});
  const ready = Promise.withResolvers<Capabilities>();
  const finish = (error: Error) => {
    ready.reject(error);
    for (const { reject } of results.values()) reject(error);
  };
  const ended = new Promise<void>((resolve) => {
    child.once("close", (code, signal) => {
      finish(new Error(`the worker of the ordinary user ended: ${code ?? signal}`));
      resolve();
    });
    child.once("error", finish);
  });
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as WorkerLine;
    if (line.type === "ready") ready.resolve(line.capabilities);
    else if (line.type === "outcome" && line.error === undefined) results.get(line.id)?.resolve(line.outcome);
    else if (line.type === "outcome") results.get(line.id)?.reject(new Error(line.error));
  });
  failed.defer(async () => {
    // The end of its input tells it to put away its place.
    child.stdin.end();
    const limit = setTimeout(() => killGroup(child), 20_000);
    await ended;
    clearTimeout(limit);
  });
  const capabilities = await ready.promise;
  const stack = failed.move();
  return {
    place: { name, runtime: { capabilities } },
    outcome: async (id) => results.get(id)!.promise,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The checkout itself where that user may read it, else a read-only mount of it where everybody may. */
async function readableCheckout(user: OrdinaryUser, stack: AsyncDisposableStack): Promise<string> {
  const readable = await runAs(user, ["test", "-r", join(ROOT, "package.json")]);
  if (readable.exitCode === 0) return ROOT;
  const scratch = stack.use(await scratchDirectory());
  const mounted = join(scratch.path, "checkout");
  await mkdir(mounted);
  await output(["chmod", "711", scratch.path]);
  await output(["mount", "--bind", ROOT, mounted]);
  await output(["mount", "-o", "remount,bind,ro", mounted]);
  await access(join(mounted, "package.json"), constants.R_OK);
  return mounted;
}
