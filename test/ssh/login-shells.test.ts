import assert from "node:assert/strict";
import { test } from "node:test";
import { noise, refused, sha256 } from "../conformance/kit.ts";
import { times } from "../faults/bench.ts";
import { requireOrSkip } from "../fixtures/install.ts";
import { LOGIN_SHELLS, type LoginShell } from "../fixtures/ssh-user.ts";
import { type SshBench, sshBench, TRANSPORTS, WAYS } from "./support.ts";

/** What people have in start-up files, in words that every shell understands, and what reads stdin in each. */
const PRINTS =
  "echo Welcome to the machine; echo '{\"type\":\"json\"}'; printf 'no line end'; sh -c 'echo to stderr >&2'\n";
const SLOW = "sleep 0.2\n";
const READS: Readonly<Record<LoginShell, string>> = {
  bash: "read -r line; echo got $line\n",
  dash: "head -n 1\n",
  fish: "sh -c 'read -r line; echo got $line'\n",
  tcsh: "set line = $<\necho got $line\n",
};
function startups(shell: LoginShell): Readonly<Record<string, string>> {
  const printing = { "prints and takes 200 ms": PRINTS + SLOW };
  if (times(0, 1) === 0 && shell !== "bash") return printing;
  return { ...printing, "reads a line of stdin": READS[shell] };
}

/** Names and values that mean something to one shell or another. */
const WORDS = [
  "",
  " ",
  "it's",
  '"quoted"',
  "$HOME `id` $(id) $x",
  "!!",
  "!$",
  "a\\b\\",
  "*",
  "~",
  "line\nline",
  "-n",
  "ü 漢",
  "tab\t;&|<>()[]{}#%^=?",
];

async function worksAsEver(bench: SshBench, way: (typeof WAYS)[number]): Promise<void> {
  await using runtime = await bench.open({ transport: way.transport, daemon: way.daemon });
  const printed = await runtime.exec(["printf", "%s\\0", ...WORDS]);
  assert.equal(printed.stdout, WORDS.map((word) => `${word}\0`).join(""), way.title);
  assert.equal(printed.stderr, "", way.title);
  const input = noise(300_000);
  const echoed = await runtime.exec(["cat"], { input });
  assert.equal(sha256(echoed.stdoutBytes), sha256(input), `${way.title}: input arrives whole`);
  assert.equal(echoed.stderr, "");
  const result = await runtime.exec("cat; echo $VALUE >&2; exit 255", { env: { VALUE: WORDS.join() } });
  assert.deepEqual([result.exitCode, result.stdout], [255, ""], way.title);
  const path = `${bench.user.home}/a 'file' of $HOME`;
  await runtime.fs.writeFile(path, input);
  assert.equal(sha256(await runtime.fs.readFile(path)), sha256(input));
}

for (const shell of LOGIN_SHELLS) {
  for (const [what, startup] of Object.entries(startups(shell))) {
    test(`${shell} whose start-up file ${what}`, async (t) => {
      const made = await requireOrSkip(t, () => sshBench({ user: { shell, startup } }));
      if (made === undefined) return;
      await using bench = made;
      for (const way of WAYS) await worksAsEver(bench, way);
    });
  }
}

test("a banner, a message of the day and a file that sshd runs before each command are not output", async (t) => {
  const config = ["Banner /etc/os-release", "PrintMotd yes", "UsePAM yes"];
  const startup = "echo from rc; echo from rc on stderr >&2\n";
  const made = await requireOrSkip(t, () =>
    sshBench({ server: { config }, user: { shell: "dash", startup } }),
  );
  if (made === undefined) return;
  await using bench = made;
  for (const way of WAYS) await worksAsEver(bench, way);
});

// Its deadline of 20 s is waited for.
if (times(0, 1) === 1) {
  test("a start-up file that takes all of stdin, however long it is, is told", async (t) => {
    const made = await requireOrSkip(t, () => sshBench({ user: { startup: "cat > /dev/null\n" } }));
    if (made === undefined) return;
    await using bench = made;
    await Promise.all(
      TRANSPORTS.map((transport) => refused(bench.open({ transport, daemon: "never" }), "ssh.login_timeout")),
    );
  });
}
