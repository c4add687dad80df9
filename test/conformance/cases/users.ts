import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

/** SEMANTICS, Commands 16: as another user. */
export const USERS: readonly Case[] = [
  {
    id: "commands.16.name",
    only: ["otherUser"],
    title: "a user has its uid, gid, all supplementary groups, HOME, USER and SHELL",
    needs: ["user"],
    run: async ({ runtime, place }) => {
      const user = place.otherUser!;
      const script = 'id -u; id -g; id -G; echo "$HOME $USER $SHELL"';
      const { stdout } = await runtime.exec(script, { user: user.name });
      const [uid, gid, groups, names] = stdout.trimEnd().split("\n");
      assert.deepEqual([uid, gid], [String(user.uid), String(user.gid)]);
      assert.deepEqual(groups?.split(" ").map(Number).sort(), [...user.groups].sort());
      assert.equal(names, `${user.home} ${user.name} ${user.shell}`);
    },
  },
  {
    id: "commands.16.number",
    title: "a user is a uid, or a uid and a gid, of an account or of none",
    needs: ["user"],
    run: async ({ runtime }) => {
      const who = async (user: string) => (await runtime.exec("id -u; id -g", { user })).stdout;
      assert.equal(await who("5432:6543"), "5432\n6543\n");
      assert.match(await who("5432"), /^5432\n\d+\n$/);
      assert.equal(await who("0"), "0\n0\n");
    },
  },
  {
    id: "commands.16.home",
    only: ["otherUser"],
    title: "~ and the home are the other user's",
    needs: ["user"],
    run: async ({ runtime, place }) => {
      const user = place.otherUser!;
      const { stdout } = await runtime.exec("pwd; echo ~", { user: user.name, cwd: "~" });
      assert.equal(stdout, `${user.home}\n${user.home}\n`);
    },
  },
  {
    id: "commands.16.pipes",
    title: "the other user can open its own stdout, stderr and stdin again",
    needs: ["user"],
    run: async ({ runtime }) => {
      const { stdout, stderr } = await runtime.exec("cat /dev/stdin > /dev/stdout; echo err > /dev/stderr", {
        user: "5432:5432",
        input: "in\n",
      });
      assert.deepEqual([stdout, stderr], ["in\n", "err\n"]);
    },
  },
  {
    id: "commands.16.rights",
    title: "a command of another user has that user's rights, also with a terminal",
    needs: ["user", "spawn", "tty"],
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/secret`;
      await runtime.fs.writeFile(path, "secret", { mode: 0o600 });
      const { exitCode, stderr } = await runtime.exec(["cat", path], { user: "5432:5432" });
      assert.equal(exitCode, 1);
      assert.match(stderr, /permission denied/i);
      await using process = await runtime.spawn('id -u; echo written > "$(tty)"', {
        user: "5432:5432",
        tty: true,
      });
      assert.equal((await process.exit).exitCode, 0);
    },
  },
  {
    id: "commands.16.unknown",
    title: "a user that is not there is process.user_not_found",
    needs: ["user"],
    run: async ({ runtime }) => {
      await refused(runtime.exec(["true"], { user: "nobody-of-that-name" }), "process.user_not_found");
      await refused(runtime.fs.stat("/", { user: "nobody-of-that-name" }), "process.user_not_found");
    },
  },
  {
    id: "commands.16.files",
    title: "files are made and refused as that user's",
    needs: ["user"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const user = "5432:6543";
      await runtime.fs.writeFile(`${path}/root`, "root's", { mode: 0o600 });
      await refused(runtime.fs.readFile(`${path}/root`, { user }), "EACCES");
      await refused(runtime.fs.writeFile(`${path}/theirs`, "", { user }), "EACCES");
      await runtime.fs.chmod(path, 0o777);
      await runtime.fs.writeFile(`${path}/theirs`, "content", { user });
      await runtime.fs.mkdir(`${path}/directory`, { user });
      for (const name of ["theirs", "directory"]) {
        const { uid, gid } = await runtime.fs.stat(`${path}/${name}`);
        assert.deepEqual([name, uid, gid], [name, 5432, 6543]);
      }
      assert.equal(await runtime.fs.readFile(`${path}/theirs`, { user, encoding: "utf8" }), "content");
    },
  },
];
