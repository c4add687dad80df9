import assert from "node:assert/strict";
import type { FileChange, TextEdit } from "../../../src/contract/text.ts";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

const replace = (oldText: string, newText: string): TextEdit => ({ type: "replace", oldText, newText });
const edit = (path: string, ...edits: TextEdit[]): FileChange => ({ type: "edit", path, edits });

/** Files 9: texts that are changed. */
export const CHANGE: readonly Case[] = [
  {
    id: "files.9.edits",
    title:
      "edits keep line ends, mode, link and every other byte, and come with their diff and the new version",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const before = Buffer.from("\ufeffone\r\n\xe4two\r\nthree", "latin1");
      await runtime.fs.writeFile(`${path}/file`, before, { mode: 0o750 });
      await runtime.fs.symlink("file", `${path}/link`);
      const [changed] = await runtime.fs.change([
        edit(`${path}/link`, replace("two", "2\nnew"), { type: "insert", line: -1, text: "four" }),
      ]);
      const after = Buffer.from(await runtime.fs.readFile(`${path}/file`)).toString("latin1");
      assert.equal(after, `${before.toString("latin1").replace("two", "2\r\nnew")}\r\nfour`);
      assert.equal((await runtime.fs.lstat(`${path}/link`)).type, "symlink");
      assert.equal((await runtime.fs.stat(`${path}/file`)).mode, 0o750);
      assert.deepEqual([changed?.additions, changed?.deletions, changed?.created], [4, 2, false]);
      assert.match(changed?.diff ?? "", /^\+new\r$/m);
      assert.equal((await runtime.fs.readText(`${path}/file`)).version, changed?.version);
    },
  },
  {
    id: "files.9.expected",
    title: "a file that was changed since it was read is refused, and so is one that should not be there",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "one\n");
      const { version } = await runtime.fs.readText(path);
      await runtime.fs.writeFile(path, "two\n");
      const error = await refused(
        runtime.fs.change([{ type: "edit", path, edits: [replace("two", "2")], expected: version }]),
        "fs.changed",
      );
      assert.equal(error.context.version, (await runtime.fs.readText(path)).version);
      await refused(
        runtime.fs.change([{ type: "write", path, content: "x", expected: version }]),
        "fs.changed",
      );
      await refused(runtime.fs.change([{ type: "remove", path, expected: version }]), "fs.changed");
      await refused(runtime.fs.change([{ type: "write", path, content: "x", expected: null }]), "EEXIST");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "two\n");
    },
  },
  {
    id: "files.9.refused",
    title: "text that is not there, or there twice, and edits without sense change nothing and say why",
    run: async ({ runtime, directory }) => {
      const path = `${await directory()}/file`;
      await runtime.fs.writeFile(path, "a b\nx\nx\n");
      const missing = await refused(runtime.fs.change([edit(path, replace("a  b", "c"))]), "edit.not_found");
      assert.deepEqual([missing.context.differsIn, missing.context.nearestLine], ["blanks", 1]);
      const twice = await refused(runtime.fs.change([edit(path, replace("x", "y"))]), "edit.ambiguous");
      assert.deepEqual(twice.context.lines, ["2", "3"]);
      await refused(runtime.fs.change([edit(path, replace("x", "x"))]), "edit.invalid");
      await refused(runtime.fs.change([edit(path)]), "edit.invalid");
      await refused(runtime.fs.change([edit(`${path}2`, replace("x", "y"))]), "ENOENT");
      await runtime.fs.writeFile(`${path}3`, "a\0b");
      await refused(runtime.fs.change([edit(`${path}3`, replace("a", "b"))]), "edit.binary");
      assert.equal(await runtime.fs.readFile(path, "utf8"), "a b\nx\nx\n");
    },
  },
  {
    id: "files.9.together",
    title: "several files are changed, made, moved and removed together, or none of them is",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/a`, "one\n", { mode: 0o640 });
      await runtime.fs.writeFile(`${path}/b`, "two\n");
      await runtime.fs.writeFile(`${path}/c`, "three\n");
      const changes: FileChange[] = [
        { type: "edit", path: `${path}/a`, edits: [replace("one", "1")], moveTo: `${path}/deep/moved` },
        { type: "write", path: `${path}/new/file`, content: "new" },
        { type: "remove", path: `${path}/b` },
      ];
      await refused(
        runtime.fs.change([...changes, edit(`${path}/c`, replace("four", "4"))]),
        "edit.not_found",
      );
      const names = async () => (await runtime.fs.readdir(path)).map(({ name }) => name).sort();
      assert.deepEqual(await names(), ["a", "b", "c"]);
      assert.deepEqual(
        (await runtime.fs.change(changes, { dryRun: true })).map(({ created, removed }) => [
          created,
          removed,
        ]),
        [
          [false, false],
          [true, false],
          [false, true],
        ],
      );
      assert.deepEqual(await names(), ["a", "b", "c"]);
      await runtime.fs.change([...changes, edit(`${path}/c`, replace("three", "3"))]);
      assert.deepEqual(await names(), ["c", "deep", "new"]);
      assert.equal(await runtime.fs.readFile(`${path}/deep/moved`, "utf8"), "1\n");
      assert.equal((await runtime.fs.stat(`${path}/deep/moved`)).mode, 0o640);
      assert.equal(await runtime.fs.readFile(`${path}/c`, "utf8"), "3\n");
      await refused(
        runtime.fs.change([{ type: "edit", path: `${path}/c`, edits: [], moveTo: `${path}/deep/moved` }]),
        "EEXIST",
      );
    },
  },
  {
    id: "files.9.one-at-a-time",
    title: "changes of one file at once wait for each other, by whatever name, and lose nothing",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/file`, "0\n");
      await runtime.fs.symlink("file", `${path}/link`);
      await runtime.fs.symlink(".", `${path}/here`);
      const names = ["file", "link", "here/file"];
      await refused(
        runtime.fs.change([edit(`${path}/file`, replace("0", "1")), edit(`${path}/link`, replace("0", "2"))]),
        "edit.invalid",
      );
      const count = runtime.capabilities.daemon ? 30 : 6;
      await Promise.all(
        Array.from({ length: count }, (_, index) =>
          runtime.fs.change([
            edit(`${path}/${names[index % 3]}`, { type: "insert", line: -1, text: `line ${index}` }),
          ]),
        ),
      );
      const lines = (await runtime.fs.readFile(`${path}/file`, "utf8")).trimEnd().split("\n");
      assert.equal(new Set(lines).size, count + 1);
    },
  },
  {
    id: "files.9.contained",
    title: "contained changes work inside and leave by no way",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const root = `${path}/root`;
      const contained = { root };
      await runtime.fs.writeFile(`${path}/outside`, "outside\n");
      await runtime.fs.writeFile(`${root}/sub/file`, "inside\n");
      await runtime.fs.symlink("sub", `${root}/link`);
      await runtime.fs.symlink("../outside", `${root}/out`);
      await runtime.fs.change([edit(`${root}/link/file`, replace("inside", "changed"))], { contained });
      assert.deepEqual(await runtime.fs.readFile(`${root}/sub/file`, "utf8"), "changed\n");
      for (const changes of [
        [edit(`${root}/out`, replace("outside", "x"))],
        [edit(`${root}/../outside`, replace("outside", "x"))],
        [{ ...edit(`${root}/sub/file`, replace("changed", "x")), moveTo: `${path}/moved` } as FileChange],
        [{ type: "write", path: `${path}/made/new`, content: "" } as FileChange],
      ]) {
        await refused(runtime.fs.change(changes, { contained }), "fs.outside_workspace");
      }
      assert.equal(await runtime.fs.readFile(`${path}/outside`, "utf8"), "outside\n");
      assert.equal(await runtime.fs.exists(`${path}/made`), false);
      const [made] = await runtime.fs.change([{ type: "write", path: `${root}/x/y`, content: "z" }], {
        contained,
      });
      assert.equal(made?.created, true);
      // The link itself is inside.
      const [gone] = await runtime.fs.change([{ type: "remove", path: `${root}/out` }], { contained });
      assert.deepEqual([gone?.removed, await runtime.fs.exists(`${root}/out`)], [true, false]);
      assert.equal(await runtime.fs.readFile(`${path}/outside`, "utf8"), "outside\n");
    },
  },
];
