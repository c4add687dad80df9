import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { refused } from "../kit.ts";

/** Files 10: lines and files are found in the place. */
export const SEARCH: readonly Case[] = [
  {
    id: "files.10.lines",
    title: "lines are found in the order of their paths, with context, without what is ignored and hidden",
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/.gitignore`, "*.log\n");
      await runtime.fs.writeFile(`${path}/b.log`, "needle\n");
      await runtime.fs.writeFile(`${path}/.hidden`, "needle\n");
      await runtime.fs.writeFile(`${path}/a/b.txt`, "one\r\nneedle two\r\nthree\r\n");
      await runtime.fs.writeFile(`${path}/a.txt`, "needle");
      const found = await runtime.fs.search({ paths: [path], pattern: "need\\w+", before: 1 });
      assert.deepEqual(
        found.files.map((file) => [file.path, file.matches, file.lines]),
        [
          [
            `${path}/a/b.txt`,
            1,
            [
              { number: 1, text: "one", match: false },
              { number: 2, text: "needle two", match: true },
            ],
          ],
          [`${path}/a.txt`, 1, [{ number: 1, text: "needle", match: true }]],
        ],
      );
      assert.deepEqual([found.results, found.truncated, found.skipped], [2, false, []]);
      const all = await runtime.fs.search({ paths: [path], pattern: "needle", hidden: true, ignored: true });
      assert.equal(all.results, 4);
      const cut = await runtime.fs.search({ paths: [path], pattern: "needle", maxResults: 1 });
      assert.deepEqual([cut.results, cut.truncated, cut.files[0]?.path], [1, true, `${path}/a/b.txt`]);
      await refused(runtime.fs.search({ paths: [path], pattern: "(" }), "search.pattern_invalid");
    },
  },
  {
    id: "files.10.names",
    title: "files are found by their names, with size and time; nothing outside is looked at",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/in/a.ts`, "12345");
      await runtime.fs.writeFile(`${path}/in/deep/b.ts`, "");
      await runtime.fs.writeFile(`${path}/out/c.ts`, "");
      await runtime.fs.symlink("../out", `${path}/in/link`);
      const contained = { root: `${path}/in` };
      const found = await runtime.fs.search({ paths: [`${path}/in`], globs: ["**/*.ts"], contained });
      assert.deepEqual(
        found.files.map((file) => [file.path, file.type, file.size]),
        [
          [`${path}/in/a.ts`, "file", 5],
          [`${path}/in/deep/b.ts`, "file", 0],
        ],
      );
      for (const outside of [`${path}/in/link`, `${path}/out`]) {
        await refused(runtime.fs.search({ paths: [outside], contained }), "fs.outside_workspace");
      }
    },
  },
];
