import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isBerthError } from "../../src/contract/errors.ts";
import { nameFromBytes } from "../../src/files/names.ts";
import { probeScript } from "../../src/runtimes/provision/probe-script.ts";
import { collect } from "../../src/transports/collect.ts";
import { resolveSshTarget } from "../../src/transports/ssh/resolve.ts";
import { createSshTransport, type SshTransport } from "../../src/transports/ssh/transport.ts";
import { noise, sha256 } from "../conformance/kit.ts";
import { waitFor } from "../fixtures/process.ts";
import { LOGIN_SHELLS, type LoginShell } from "../fixtures/ssh-user.ts";
import { withPlace } from "./place.ts";
import { TRANSPORTS } from "./support.ts";

/** Every byte that a word can hold, alone, in pairs with what means something to a shell, and long ones. */
function words(): string[] {
  const bytes = Array.from({ length: 255 }, (_, index) => index + 1);
  return [
    "",
    ...bytes.map((byte) => nameFromBytes(Buffer.of(byte))),
    nameFromBytes(Buffer.from(bytes)),
    nameFromBytes(Buffer.from(bytes.toReversed())),
    "'\"'\"'",
    "!! !$ !-1 ^a^b",
    "\\n\\0101\\c%s%%",
    "~ ~root $HOME `id` $(id)",
    "* ? [a-z] {a,b}",
    "line\nline\r\n\n",
    "-n",
    "--",
    "ü 漢 🙂 \u2028",
  ];
}

for (const name of TRANSPORTS) {
  for (const shell of LOGIN_SHELLS) {
    test(`every word arrives as it is: ${shell}, ${name}`, async (t) => {
      await withPlace(t, name, { maxWaitMs: 0, user: { shell } }, async ({ transport }) => {
        const all = words();
        const expected = Buffer.concat(
          all.map((word) => Buffer.concat([bytesOf(word), Buffer.of(0)])),
        ).toString("latin1");
        const run = await transport.run(["printf", "%s\\0", ...all]);
        run.stdin.end();
        assert.equal(Buffer.concat(await run.stdout.toArray()).toString("latin1"), expected);
        assert.equal(Buffer.concat(await run.stderr.toArray()).toString(), "");
        assert.deepEqual(await run.exit, { exitCode: 0, signal: null });
      });
    });

    test(`words of 100 KB, and as many, arrive: ${shell}, ${name}`, async (t) => {
      await withPlace(t, name, { maxWaitMs: 0, user: { shell } }, async ({ transport }) => {
        for (const all of [
          ["a".repeat(100_000)],
          ["'\n!".repeat(33_000), noise(20_000).toString("base64")],
          Array.from({ length: 3_000 }, (_, index) => `it's ${index}`),
        ]) {
          const run = await transport.run(["printf", "%s\\0", ...all]);
          const { stdout, exitCode } = await collect(run, { input: "not for printf\n" });
          assert.equal(exitCode, 0);
          assert.ok(stdout === all.map((word) => `${word}\0`).join(""));
          const cat = await transport.run(["sh", "-c", 'cat; printf %s "$1" | wc -c', "sh", ...all]);
          const counted = await collect(cat, { input: "input\n" });
          assert.equal(counted.stdout.replaceAll(/ /g, ""), `input\n${Buffer.byteLength(all[0] ?? "")}\n`);
        }
      });
    });

    test(`input, exit codes, signals, directories and the provisioner's script: ${shell}, ${name}`, async (t) => {
      await withPlace(t, name, { maxWaitMs: 0, user: { shell } }, async ({ transport, bench }) => {
        const input = noise(3_000_000);
        const cat = await transport.run(["cat"]);
        const echoed = cat.stdout.toArray();
        cat.stdin.end(input);
        assert.equal(sha256(Buffer.concat(await echoed)), sha256(input));
        for (const code of [0, 1, 125, 255]) {
          const run = await transport.run(["sh", "-c", `exit ${code}`]);
          assert.equal((await collect(run)).exitCode, code);
        }
        const killed = await collect(await transport.run(["sh", "-c", "kill -KILL $$"]));
        assert.ok(killed.signal === "SIGKILL" || killed.exitCode === 137, JSON.stringify(killed));
        const missing = await collect(await transport.run(["berth-no-such-command"]));
        assert.equal(missing.exitCode, 127);
        assert.match(missing.stderr, /not found/);
        const home = await collect(await transport.run(["pwd"]));
        assert.equal(home.stdout, `${bench.user.home}\n`);
        const elsewhere = await collect(await transport.run(["pwd"], { cwd: "/usr/share" }));
        assert.deepEqual([elsewhere.stdout, elsewhere.stderr], ["/usr/share\n", ""]);
        const nowhere = await collect(await transport.run(["pwd"], { cwd: "/no/such" }));
        assert.deepEqual([nowhere.exitCode, nowhere.stdout], [126, ""]);
        const script = probeScript({ protocol: 1, neededKib: { bundle: 1, withNode: 1 }, dial: false });
        const probe = await collect(await transport.run(["/bin/sh", "-c", script]));
        assert.match(probe.stdout, /^berth-probe os Linux\n(?:.*\n)*berth-probe end ok\n$/);
        assert.match(probe.stdout, new RegExp(`\nberth-probe home ${bench.user.home}\n`));
      });
    });
  }
}

/** What start-up files do, in words of each shell. */
const PRINTS = "echo welcome; printf 'no line end'; sh -c 'echo to stderr >&2; printf half >&2'\n";
const SLOW = "sleep 0.2\n";
const READS: Readonly<Record<LoginShell, string>> = {
  bash: "read -r line\n",
  dash: "",
  fish: "sh -c 'read -r line'\n",
  tcsh: "set line = $<\n",
};

/** Input arrives whole, output alone, the exit as it is. */
async function isExact(transport: SshTransport): Promise<void> {
  const input = noise(200_000);
  const run = await transport.run(["sh", "-c", "echo begin; cat; echo end >&2; exit 7"]);
  const output = run.stdout.toArray();
  const errors = run.stderr.toArray();
  run.stdin.end(input);
  assert.equal(sha256(Buffer.concat(await output)), sha256(Buffer.concat([Buffer.from("begin\n"), input])));
  assert.equal(Buffer.concat(await errors).toString(), "end\n");
  assert.equal((await run.exit).exitCode, 7);
  const silent = await collect(await transport.run(["true"]));
  assert.deepEqual([silent.stdout, silent.stderr, silent.exitCode], ["", "", 0]);
}

for (const name of TRANSPORTS) {
  for (const shell of LOGIN_SHELLS) {
    test(`start-up files that print, take their time and read input change nothing: ${shell}, ${name}`, async (t) => {
      const startup = PRINTS + SLOW + READS[shell] + PRINTS;
      await withPlace(t, name, { maxWaitMs: 0, user: { shell, startup } }, ({ transport }) =>
        isExact(transport),
      );
    });
  }

  test(`start-up files that show what they run do not show the mark: ${name}`, async (t) => {
    const user = { shell: "bash", startup: "set -x\nset -v\n" } as const;
    await withPlace(t, name, { maxWaitMs: 0, user }, ({ transport }) => isExact(transport));
  });

  test(`much output of a start-up file is dropped: ${name}`, async (t) => {
    const user = { shell: "bash", startup: "seq 1000000; seq 200000 >&2\n" } as const;
    await withPlace(t, name, { maxWaitMs: 0, user }, ({ transport }) => isExact(transport));
  });

  test(`a start-up file that never ends, or reads to the end of its input, is told: ${name}`, async (t) => {
    for (const startup of ["sleep 1000\n", "cat >/dev/null\n"]) {
      await withPlace(
        t,
        name,
        { maxWaitMs: 0, user: { shell: "bash", startup } },
        async ({ bench, pool }) => {
          const target = await resolveSshTarget(bench.config({ transport: name }));
          await using transport = createSshTransport({ target, pool, loginDeadlineMs: 4_000 });
          const run = transport.run(["touch", join(bench.user.home, "it-ran")]);
          await assert.rejects(run, (error) => {
            assert.ok(isBerthError(error, "ssh.login_timeout"), String(error));
            assert.match(error.hint, /bashrc/);
            return true;
          });
          await pool.close();
          await assert.rejects(readFile(join(bench.user.home, "it-ran")), { code: "ENOENT" });
        },
      );
    }
  });

  test(`an account that runs no commands is told in its own words: ${name}`, async (t) => {
    await withPlace(
      t,
      name,
      { maxWaitMs: 0, user: { shell: "/usr/sbin/nologin" } },
      async ({ transport }) => {
        await assert.rejects(transport.run(["true"]), (error) => {
          assert.ok(isBerthError(error, "ssh.no_shell"), String(error));
          assert.match(error.message, /This account is currently not available\.$/);
          return true;
        });
      },
    );
  });

  test(`a start-up file that ends the shell is told in its own words: ${name}`, async (t) => {
    const user = { shell: "bash", startup: "echo 'maintenance until noon' >&2; exit 3\n" } as const;
    await withPlace(t, name, { maxWaitMs: 0, user }, async ({ transport }) => {
      await assert.rejects(transport.run(["true"]), (error) => {
        assert.ok(isBerthError(error, "ssh.no_shell"), String(error));
        assert.match(error.message, /maintenance until noon$/);
        assert.equal(error.context.exitCode, 3);
        return true;
      });
    });
  });

  test(`what needs a daemon is refused, and nothing is run: ${name}`, async (t) => {
    await withPlace(t, name, { maxWaitMs: 0 }, async ({ transport }) => {
      for (const options of [{ env: { A: "b" } }, { user: "root" }, { tty: { columns: 80, rows: 24 } }]) {
        await assert.rejects(transport.run(["true"], options), (error) =>
          isBerthError(error, "runtime.capability_unsupported"),
        );
      }
    });
  });

  test(`an abort while a start-up file runs ends it at once, and the session with it: ${name}`, async (t) => {
    const user = { shell: "bash", startup: "touch ~/started; sleep 1000\n" } as const;
    await withPlace(t, name, { maxWaitMs: 0, user }, async ({ transport, bench, pool }) => {
      const abort = new AbortController();
      const run = transport.run(["true"], { signal: abort.signal });
      const started = join(bench.user.home, "started");
      await waitFor("the start-up file runs", () => readFile(started));
      abort.abort();
      await assert.rejects(run, (error) => isBerthError(error, "operation.aborted"));
      const target = await resolveSshTarget(bench.config({ transport: name }));
      const { sessions, consecutiveFailures, connections } = pool.health(target);
      assert.deepEqual([sessions, consecutiveFailures, connections], [0, 0, 1]);
      await writeFile(join(bench.user.home, ".bashrc"), "");
      assert.equal((await collect(await transport.run(["echo", "on"]))).stdout, "on\n");
    });
  });
}

function bytesOf(word: string): Buffer {
  return Buffer.concat(
    [...word].map((character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character);
    }),
  );
}
