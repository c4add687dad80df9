import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

const AWKWARD = [
  "with space",
  " leading and trailing ",
  "-leading-dash",
  "--",
  'it\'s "quoted"',
  "$HOME `id` $(id)",
  "new\nline",
  "tab\tand\rreturn",
  "back\\slash",
  "*?[a-z]{x,y}",
  "ünïcödé 💙 日本語",
  "~",
  "~root",
  "%20",
  ";&|<>",
  "...",
  "n".repeat(255),
  "é".repeat(127),
];

/** SEMANTICS, Files 2: names. */
export const FILES_PATHS: readonly Case[] = [
  {
    id: "files.2.awkward-names",
    title: "spaces, quotes, newlines, a leading dash, unicode and 255 bytes work in a name",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      for (const name of AWKWARD) {
        await runtime.fs.writeFile(`${path}/${name}`, `content of ${name}`);
        assert.equal(await runtime.fs.readFile(`${path}/${name}`, "utf8"), `content of ${name}`);
        assert.equal((await runtime.fs.stat(`${path}/${name}`)).type, "file");
      }
      const listed = (await runtime.fs.readdir(path)).map(({ name }) => name).sort();
      assert.deepEqual(listed, [...AWKWARD].sort());
      const stats = await runtime.fs.statMany([...AWKWARD, "missing"].map((name) => `${path}/${name}`));
      assert.deepEqual(stats.map((stat) => stat?.type ?? null).slice(-2), ["file", null]);
      assert.ok(stats.slice(0, -1).every((stat) => stat?.type === "file"));
    },
  },
  {
    id: "files.2.awkward-directories",
    title: "the same names work for directories, as a cwd, for renaming and removing",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      // Without a daemon each step is a run of a shell: three names are tried at once, one inside of the other.
      const depth = runtime.capabilities.daemon ? 1 : 3;
      const tops = AWKWARD.filter((_, index) => index % depth === 0);
      await Promise.all(
        tops.map(async (top) => {
          const at = AWKWARD.indexOf(top);
          const made = [path, ...AWKWARD.slice(at, at + depth)].join("/");
          await runtime.fs.mkdir(made, { recursive: depth > 1 });
          await runtime.fs.writeFile(`${made}/inner`, "x");
          assert.equal((await runtime.exec(["cat", "inner"], { cwd: made })).stdout, "x");
          await runtime.fs.rename(`${made}/inner`, `${made}/-renamed`);
          assert.equal((await runtime.fs.readdir(made))[0]?.name, "-renamed");
          await runtime.fs.rm(`${path}/${top}`, { recursive: true });
        }),
      );
      assert.deepEqual(await runtime.fs.readdir(path), []);
    },
  },
  {
    id: "files.2.home",
    title: "~ is the home of the place's user",
    run: async ({ runtime, place, defer }) => {
      const home = (await runtime.exec('printf %s "$HOME"')).stdout;
      assert.equal(await runtime.fs.realpath("~"), await runtime.fs.realpath(home));
      if (place.facts.readOnlyRoot) return;
      const name = `conformance-${process.pid}-${Date.now()}`;
      defer(() => runtime.fs.rm(`~/${name}`, { force: true }));
      await runtime.fs.writeFile(`~/${name}`, "at home");
      assert.equal(await runtime.fs.readFile(`${home}/${name}`, "utf8"), "at home");
    },
  },
  {
    id: "files.2.relative",
    title: "relative paths are relative to the workdir",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const relative = path.slice(runtime.workdir.length + 1);
      await runtime.fs.writeFile(`${relative}/file`, "relative");
      assert.equal(await runtime.fs.readFile(`${path}/file`, "utf8"), "relative");
      assert.equal(await runtime.fs.readFile(`./${relative}/../${relative}//file`, "utf8"), "relative");
      assert.equal(await runtime.fs.realpath(relative), await runtime.fs.realpath(path));
    },
  },
  {
    id: "files.2.invalid",
    title: "a path that is none is refused, a name that is too long as well",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await refused(runtime.fs.readFile(`${path}/a\0b`), "EINVAL");
      await refused(runtime.fs.writeFile(`${path}/${"n".repeat(256)}`, ""), "ENAMETOOLONG");
    },
  },
];
