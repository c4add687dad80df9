import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

const LONG_WORD = "w".repeat(100_000);

/** SEMANTICS, Commands 8: what keeps a command from starting, and what doesn't. */
export const START_ERRORS: readonly Case[] = [
  {
    id: "commands.8.no-cwd",
    title: "a missing cwd is process.cwd_not_found, for an argv and a string",
    run: async ({ runtime, directory }) => {
      const cwd = `${await directory()}/nowhere`;
      for (const command of [["true"], "true"]) {
        const error = await refused(runtime.exec(command, { cwd }), "process.cwd_not_found");
        assert.equal(error.context.cwd, cwd);
        assert.equal(error.runtime, runtime.description);
      }
    },
  },
  {
    id: "commands.8.file-as-cwd",
    title: "a cwd that is a file can't be entered",
    run: async ({ runtime, directory }) => {
      const cwd = `${await directory()}/file`;
      await runtime.fs.writeFile(cwd, "");
      await refused(runtime.exec(["true"], { cwd }), "process.cwd_not_accessible");
    },
  },
  {
    id: "commands.8.cwd",
    title: "a cwd is absolute, relative to the workdir, or below the home of the place's user",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const relative = path.slice(runtime.workdir.length + 1);
      const pwd = async (cwd?: string) =>
        (await runtime.exec(["pwd"], cwd === undefined ? {} : { cwd })).stdout.trimEnd();
      assert.equal(await pwd(path), path);
      assert.equal(await pwd(relative), path);
      assert.equal(await pwd(`${relative}/./../${relative}`), path);
      assert.equal(await pwd(), runtime.workdir);
      assert.equal(await pwd("~"), (await runtime.exec('cd "$HOME" && pwd')).stdout.trimEnd());
    },
  },
  {
    id: "commands.8.no-binary",
    title: "a missing binary is process.not_found, by name and by path",
    run: async ({ runtime, directory }) => {
      for (const command of ["no-such-binary", `${await directory()}/no-such-binary`, "./no-such-binary"]) {
        const error = await refused(runtime.exec([command, "argument"]), "process.not_found");
        assert.equal(error.context.command, command);
      }
    },
  },
  {
    id: "commands.8.path-of-the-call",
    title: "a command is found by the PATH of its own environment",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/own-tool`, "#!/bin/sh\necho found\n", { mode: 0o755 });
      assert.equal((await runtime.exec(["own-tool"], { env: { PATH: path } })).stdout, "found\n");
      await refused(runtime.exec(["own-tool"]), "process.not_found");
    },
  },
  {
    id: "commands.8.not-executable",
    title: "a file without the right to run it is process.permission_denied",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/script`;
      await runtime.fs.writeFile(path, "#!/bin/sh\n", { mode: 0o644 });
      await refused(runtime.exec([path]), "process.permission_denied");
      await refused(runtime.exec([await directory()]), "process.permission_denied");
    },
  },
  {
    id: "commands.8.no-interpreter",
    title: "a missing #! interpreter is process.interpreter_not_found",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/script`;
      await runtime.fs.writeFile(path, "#!/no/such/interpreter -x\necho no\n", { mode: 0o755 });
      await refused(runtime.exec([path]), "process.interpreter_not_found");
      await runtime.fs.writeFile(path, "#!/bin/sh\r\necho no\r\n");
      await refused(runtime.exec([path]), "process.interpreter_not_found");
    },
  },
  {
    id: "commands.8.no-shebang",
    title: "a script without #! runs in sh, as execvp does it",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/script`;
      await runtime.fs.writeFile(path, 'echo "plain $1"\n', { mode: 0o755 });
      assert.equal((await runtime.exec([path, "script"])).stdout, "plain script\n");
    },
  },
  {
    id: "commands.8.long-arguments",
    title: "200 KB of arguments and 200 KB of environment work",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec(
        ["sh", "-c", 'printf %s%s%s%s "$1" "$2" "$ONE" "$TWO" | wc -c', "sh", LONG_WORD, LONG_WORD],
        { env: { ONE: LONG_WORD, TWO: LONG_WORD } },
      );
      assert.equal(stdout.trim(), "400000");
    },
  },
  {
    id: "commands.8.too-long",
    title: "what the kernel does not take is process.arguments_too_long",
    run: async ({ runtime }) => {
      // One word has at most 128 KiB on Linux, all together a quarter of the stack's limit.
      await refused(runtime.exec(["true", LONG_WORD + LONG_WORD]), "process.arguments_too_long");
      await refused(
        runtime.exec(["true"], { env: { LONG: LONG_WORD + LONG_WORD } }),
        "process.arguments_too_long",
      );
    },
  },
  {
    id: "commands.8.too-long-string",
    title: "a command text is no longer than the kernel takes",
    run: async ({ runtime }) => {
      await refused(runtime.exec(`: ${LONG_WORD}${LONG_WORD}`), "process.arguments_too_long");
      assert.equal((await runtime.exec(`: ${LONG_WORD}; echo fits`)).stdout, "fits\n");
    },
  },
  {
    id: "commands.8.invalid-argv",
    title: "no word, an empty first word, and words with NUL are refused",
    run: async ({ runtime }) => {
      await refused(runtime.exec([]), "process.argument_invalid");
      await refused(runtime.exec([""]), "process.not_found");
      await refused(runtime.exec(["echo", "a\0b"]), "process.argument_invalid");
      await refused(runtime.exec("echo a\0b"), "process.argument_invalid");
    },
  },
  {
    id: "commands.8.argv-is-no-shell",
    title: "an argv never meets a shell: every word arrives as it is",
    run: async ({ runtime }) => {
      const words = [
        "",
        " ",
        "a b",
        "*",
        "$HOME",
        "`id`",
        "'",
        '"',
        "\\",
        "-n",
        "--",
        "a\nb",
        "~",
        "grüße",
        ";",
        "&",
      ];
      const { stdout } = await runtime.exec(["sh", "-c", `printf '%s\\0' "$@"`, "sh", ...words]);
      assert.deepEqual(stdout.split("\0").slice(0, -1), words);
      assert.equal((await runtime.exec(["echo", "$HOME;", "-n"])).stdout, "$HOME; -n\n");
    },
  },
  {
    id: "commands.8.string-in-sh",
    title: "a string runs in /bin/sh -c",
    run: async ({ runtime }) => {
      // The colon: busybox becomes the last command of a text, and would be `tr` by then.
      const { stdout } = await runtime.exec(
        'echo "$0"; echo a b | wc -w; tr "\\0" " " < /proc/$$/cmdline; :',
      );
      assert.match(stdout, /^\/bin\/sh\n\s*2\n\/bin\/sh -c echo/);
    },
  },
  {
    id: "commands.8.bash",
    title: 'shell: "bash" takes the first bash of PATH, any other shell by its path',
    only: ["bash"],
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec(`echo \${BASH_VERSION:+bash}; [[ a == a ]] && echo test`, {
        shell: "bash",
      });
      assert.equal(stdout, "bash\ntest\n");
      assert.equal((await runtime.exec("echo $0", { shell: "/bin/bash" })).stdout, "/bin/bash\n");
    },
  },
  {
    id: "commands.8.no-shell",
    title: "a shell that is not there is process.not_found",
    run: async ({ runtime }) => {
      await refused(runtime.exec("true", { shell: "/no/such/shell" }), "process.not_found");
    },
  },
  {
    id: "commands.8.limits",
    title: "a command has the limits that the place gives its processes",
    run: async ({ runtime, place }) => {
      const look = "ulimit -n; ulimit -Hn; ulimit -s; ulimit -c; umask";
      const { stdout } = await runtime.exec(look);
      assert.equal(stdout.split("\n").length, 6);
      if (place.direct !== undefined) assert.equal(stdout, await place.direct(["sh", "-c", look]));
    },
  },
  {
    id: "commands.8.descriptors",
    title: "a command has no descriptor but its three",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec(["ls", "/proc/self/fd"]);
      // 3 is the directory that ls itself reads.
      assert.equal(stdout.trim().split(/\s+/).join(), "0,1,2,3");
    },
  },
  {
    id: "commands.8.signal-dispositions",
    title: "a command ignores no signal and blocks none",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
      assert.match(stdout, /^SigBlk:\s*0+\nSigIgn:\s*0+\n$/);
    },
  },
  {
    id: "commands.8.own-group",
    title: "a command leads a process group of its own",
    run: async ({ runtime }) => {
      const { stdout } = await runtime.exec(["cat", "/proc/self/stat"]);
      const [pid] = stdout.split(" ");
      const [, , group] = stdout.slice(stdout.lastIndexOf(")") + 2).split(" ");
      assert.equal(group, pid);
    },
  },
];
