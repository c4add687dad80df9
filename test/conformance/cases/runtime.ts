import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, isBerthError } from "../../../src/contract/errors.ts";
import type { BerthEventInput } from "../../../src/contract/events.ts";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

const SECRET = "s3cr3t-value-c41d";

/** Whether a file below the directory holds the text. */
async function holds(directory: string, text: string): Promise<string | undefined> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    if (content.includes(text)) return path;
  }
  return undefined;
}

/** The runtime itself, SEMANTICS: Errors and Secrets. */
export const RUNTIME: readonly Case[] = [
  {
    id: "runtime.description",
    title: "a runtime says what it is",
    run: async ({ runtime, place }) => {
      assert.equal(runtime.kind, place.config.type);
      assert.ok(runtime.description.length > 3);
      assert.match(runtime.workdir, /^\//);
      const apart = place.facts.container ? "separate" : "shared";
      assert.deepEqual(runtime.isolation, {
        filesystem: apart,
        processes: apart,
        network: apart,
        kernel: "shared",
      });
    },
  },
  {
    id: "runtime.check",
    title: "a check of what works tells every step, with its time",
    run: async ({ runtime }) => {
      const seen: string[] = [];
      const report = await runtime.check({ onStep: (step) => seen.push(step.name) });
      assert.equal(report.ok, true, JSON.stringify(report.steps.filter((step) => !step.ok)));
      assert.equal(report.runtime, runtime.description);
      assert.ok(report.steps.length >= 3);
      assert.deepEqual(
        report.steps.map(({ name }) => name),
        seen,
      );
      for (const step of report.steps) assert.ok(step.durationMs >= 0 && step.detail !== "", step.name);
    },
  },
  {
    id: "runtime.parallel",
    title: "many commands at once are all carried out, each with its own result",
    run: async ({ runtime }) => {
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, index) => runtime.exec(["sh", "-c", `echo ${index}; exit ${index}`])),
      );
      assert.deepEqual(
        results.map(({ exitCode, stdout }) => `${exitCode} ${stdout.trim()}`),
        results.map((_, index) => `${index} ${index}`),
      );
    },
  },
  {
    id: "runtime.close",
    title: "closing ends what is under way; afterwards everything is runtime.closed",
    only: ["secondClient"],
    run: async ({ open }) => {
      const runtime = await open();
      const pending = refused(runtime.exec(["sleep", "93"]), "runtime.closed");
      await runtime.close();
      await runtime.close();
      await pending;
      await refused(runtime.exec(["true"]), "runtime.closed");
      await refused(runtime.spawn(["true"]), "runtime.closed");
      await refused(runtime.fs.stat("/"), "runtime.closed");
      await refused(runtime.processes(), "runtime.closed");
    },
  },
  {
    id: "errors.shape",
    title:
      "an error has code, message, hint, hop, runtime and context, and is known across copies of the package",
    run: async ({ runtime }) => {
      const error = await refused(runtime.fs.readFile("/no/such/file"), "ENOENT");
      assert.ok((error as Error) instanceof BerthError);
      assert.deepEqual([isBerthError(error, "ENOENT"), isBerthError(error, "EACCES")], [true, false]);
      assert.equal(error.runtime, runtime.description);
      assert.ok(["client", "transport", "berthd"].includes(error.hop));
      assert.match(error.message, /\/no\/such\/file/);
      assert.equal(error.context.path, "/no/such/file");
      const copy = JSON.parse(JSON.stringify(error)) as Record<string, unknown>;
      assert.deepEqual(
        [copy.code, copy.message, copy.hint, copy.retryable],
        [error.code, error.message, error.hint, error.retryable],
      );
      const start = await refused(runtime.exec(["no-such-command"]), "process.not_found");
      assert.match(start.message, /no-such-command/);
      assert.notEqual(start.hint, error.hint);
    },
  },
  {
    id: "secrets.environment",
    title: "values of an environment are in no event, error, description or state file",
    run: async ({ open, place }) => {
      const events: BerthEventInput[] = [];
      const runtime = await open({
        env: { TOKEN_OF_CONFIG: `${SECRET}-1` },
        onEvent: (event) => events.push(event),
      });
      const env = { TOKEN_OF_CALL: `${SECRET}-2` };
      const told: unknown[] = [];
      await runtime.exec(["true"], { env });
      for (const command of [["no-such-command"], [""], ["true", "x".repeat(200_000)]]) {
        await runtime.exec(command, { env }).catch((error) => told.push(error, (error as Error).stack));
      }
      await runtime.exec(["true"], { env, cwd: "/no/such/place" }).catch((error) => told.push(error));
      if (runtime.capabilities.spawn) {
        await using process = await runtime.spawn(["sleep", "94"], { env });
        told.push(await process.info(), await runtime.processes());
        await process.kill();
        // As long as it is there its record on the disk is, too.
        assert.equal(await holds(place.stateDirectory, SECRET), undefined);
      }
      told.push(await runtime.check(), events, runtime.description, runtime.capabilities);
      assert.ok(!JSON.stringify(told).includes(SECRET));
      if (place.direct === undefined) return;
      // The daemon's own files in the place: its log and the records of processes.
      const script = `grep -rlF "s3cr3t-"value "\${XDG_STATE_HOME:-$HOME/.local/state}/berth" /tmp/berth* /var/tmp/berth* 2>/dev/null; true`;
      assert.equal(await place.direct(["sh", "-c", script]), "");
    },
  },
  {
    id: "secrets.output",
    title: "output is bytes and never altered, whatever is in it",
    run: async ({ runtime }) => {
      const secret = "another-s3cr3t-9e02";
      const env = { TOKEN: secret };
      assert.equal((await runtime.exec('echo "$TOKEN"', { env })).stdout, `${secret}\n`);
    },
  },
];
