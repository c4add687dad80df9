import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

const AWKWARD = 'it\'s "quoted" $HOME `id` \\back\nsecond line\t=;&|<>*?~ grüße ';
const SECRET = "s3cr3t-of-the-environment-7b1f";

/** SEMANTICS, Commands 7: the environment. */
export const ENVIRONMENT: readonly Case[] = [
  {
    id: "commands.7.inherited",
    title: "the environment of the place's user is there: the image's, or the login shell's",
    run: async ({ runtime, place }) => {
      const { stdout } = await runtime.exec('printf "%s\\n" "$HOME" "$PATH"');
      const [home = "", path = ""] = stdout.split("\n");
      assert.match(home, /^\//);
      assert.match(path, /(^|:)\/usr\/bin(:|$)|(^|:)\/bin(:|$)/);
      if (place.inherited === undefined) return;
      const { name, value } = place.inherited;
      assert.equal((await runtime.exec(`printf %s "$${name}"`)).stdout, value);
    },
  },
  {
    id: "commands.7.defaults",
    title: "nothing waits for a person: TERM, pagers, editors and prompts have non-interactive defaults",
    run: async ({ runtime }) => {
      const names = ["TERM", "PAGER", "GIT_PAGER", "GIT_TERMINAL_PROMPT", "GIT_EDITOR"];
      const { stdout } = await runtime.exec(names.map((name) => `echo "$${name}"`).join(";"));
      assert.equal(stdout, "dumb\ncat\ncat\n0\ntrue\n");
    },
  },
  {
    id: "commands.7.caller-wins",
    title: "the caller's values win; undefined takes a variable away",
    run: async ({ runtime }) => {
      const env = { TERM: "xterm", PAGER: undefined, HOME: "/elsewhere" };
      const { stdout } = await runtime.exec(`echo "$TERM \${PAGER-unset} $HOME"`, { env });
      assert.equal(stdout, "xterm unset /elsewhere\n");
    },
  },
  {
    id: "commands.7.runtime-environment",
    title: "the configuration's environment is in every command, below the call's own",
    run: async ({ open }) => {
      const runtime = await open({ env: { FROM_CONFIG: AWKWARD, OVERRIDDEN: "config" } });
      const { stdout } = await runtime.exec('printf "%s|%s" "$FROM_CONFIG" "$OVERRIDDEN"', {
        env: { OVERRIDDEN: "call" },
      });
      assert.equal(stdout, `${AWKWARD}|call`);
    },
  },
  {
    id: "commands.7.exact-values",
    title: "quotes, $, backticks and newlines arrive exactly, in an argv and in a string",
    run: async ({ runtime }) => {
      const env = { AWKWARD, EMPTY: "", _under: "1" };
      const byArgv = await runtime.exec(["sh", "-c", 'printf "%s|%s|%s" "$AWKWARD" "$EMPTY" "$_under"'], {
        env,
      });
      assert.equal(byArgv.stdout, `${AWKWARD}||1`);
      const byText = await runtime.exec(`printf "%s|%s" "$AWKWARD" "\${EMPTY-unset}"`, { env });
      assert.equal(byText.stdout, `${AWKWARD}|`);
    },
  },
  {
    id: "commands.7.stable-order",
    title: "two commands with the same environment see it in the same order",
    run: async ({ runtime }) => {
      const env = { ZULU: "1", ALPHA: "2", MIKE: "3" };
      const look = () => runtime.exec("tr '\\0' '\\n' < /proc/self/environ", { env });
      assert.equal((await look()).stdout, (await look()).stdout);
    },
  },
  {
    id: "commands.7.not-in-an-argv",
    title: "no value is in the argv of any process of the place",
    run: async ({ open }) => {
      const runtime = await open({ env: { CONFIG_TOKEN: `${SECRET}-config` } });
      const script =
        "for file in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < $file; echo; done 2>/dev/null; echo $TOKEN";
      const { stdout } = await runtime.exec(script, { env: { TOKEN: SECRET } });
      const seen = stdout.split("\n").filter((line) => line.includes("s3cr3t-of-the"));
      assert.deepEqual(seen, [SECRET], "only the command itself knows it");
      assert.match(stdout, /cmdline/, "the look at the argvs saw its own");
    },
  },
  {
    id: "commands.7.invalid-names",
    title: "names that are none, and values with NUL, are refused without telling the value",
    run: async ({ runtime }) => {
      for (const name of ["", "1A", "A B", "A-B", "A=B", "Ä", "A\0B", "A\n"]) {
        const error = await refused(
          runtime.exec(["true"], { env: { [name]: SECRET } }),
          "process.env_invalid",
        );
        assert.ok(!JSON.stringify(error).includes(SECRET));
      }
      const error = await refused(
        runtime.exec(["true"], { env: { A: `${SECRET}\0` } }),
        "process.env_invalid",
      );
      assert.ok(!JSON.stringify(error).includes(SECRET));
    },
  },
];
