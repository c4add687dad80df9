import assert from "node:assert/strict";
import { createTools } from "../../../src/tools/create.ts";
import type { ToolOptions, ToolResult, Tools } from "../../../src/tools/tool.ts";
import type { Case, CaseContext } from "../case.ts";

/** Tools whose root is an empty directory of the place. */
async function toolsIn(
  { runtime, directory, defer }: CaseContext,
  options: ToolOptions = {},
): Promise<{ readonly tools: Tools; readonly root: string }> {
  const root = `${await directory()}/root`;
  await runtime.fs.mkdir(root, { recursive: true });
  const tools = await createTools(runtime, { root, ...options });
  defer(() => tools.close());
  return { tools, root };
}

function textOf({ content }: ToolResult): string {
  return content.map((part) => (part.type === "text" ? part.text : part.mediaType)).join("\n");
}

async function done(tools: Tools, name: string, input: unknown): Promise<string> {
  const result = await tools.call(name, input);
  assert.equal(result.isError, false, textOf(result));
  return textOf(result);
}

async function failed(tools: Tools, name: string, input: unknown, code: string): Promise<string> {
  const result = await tools.call(name, input);
  assert.equal(result.error?.code, code, textOf(result));
  return textOf(result);
}

export const TOOLS_FILES: readonly Case[] = [
  {
    id: "tools.2.write-read-edit",
    title: "files are written, read with the numbers of their lines, and edited; CRLF, mode and link stay",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const { fs } = context.runtime;
      await done(tools, "file_write", { path: "a/b.txt", content: "one\r\ntwo\r\nthrée" });
      await fs.chmod(`${root}/a/b.txt`, 0o640);
      await fs.symlink("a/b.txt", `${root}/link`);
      const text = await done(tools, "file_read", {
        files: [
          { path: "link", offset: 2 },
          { path: "a/b.txt", limit: 1 },
        ],
      });
      assert.match(text, /^==> link <==\n {5}2\ttwo\n {5}3\tthrée\n.*==> a\/b\.txt <==\n {5}1\tone\n/s);
      const edits = [
        { old_text: "one\ntwo", new_text: "1\n2" },
        { insert_line: 0, new_text: "zero" },
      ];
      assert.match(
        await done(tools, "file_edit", { path: "link", edits }),
        /^link: changed, \+3 -2 lines\n@@/,
      );
      assert.equal(await fs.readFile(`${root}/a/b.txt`, "utf8"), "zero\r\n1\r\n2\r\nthrée");
      assert.equal((await fs.stat(`${root}/a/b.txt`)).mode & 0o777, 0o640);
      assert.equal((await fs.lstat(`${root}/link`)).type, "symlink");
    },
  },
  {
    id: "tools.2.changed",
    title: "a file that was changed since it was read is left alone, and the difference is told",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const { fs } = context.runtime;
      await fs.writeFile(`${root}/a`, "one\ntwo\n");
      await failed(tools, "file_write", { path: "a", content: "x" }, "EEXIST");
      await done(tools, "file_read", { path: "a" });
      await fs.writeFile(`${root}/a`, "one\nzwei\n");
      const edit = { path: "a", edits: [{ old_text: "one", new_text: "1" }] };
      assert.match(await failed(tools, "file_edit", edit, "fs.changed"), /- {5}2\ttwo\n\+ {5}2\tzwei/);
      assert.equal(await fs.readFile(`${root}/a`, "utf8"), "one\nzwei\n");
      await done(tools, "file_edit", edit);
      assert.equal(await fs.readFile(`${root}/a`, "utf8"), "1\nzwei\n");
    },
  },
  {
    id: "tools.2.together",
    title: "edits of one file at once are all made; a file of another conversation is not overwritten",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const other = (await toolsIn(context)).tools;
      await done(tools, "file_write", { path: "a", content: "1\n2\n3\n" });
      await done(other, "file_read", { path: "a" });
      const results = await Promise.all(
        ["1", "2", "3"].map((line) =>
          tools.call("file_edit", { path: "a", edits: [{ old_text: `${line}\n`, new_text: `${line}!\n` }] }),
        ),
      );
      for (const result of results) assert.equal(result.isError, false, textOf(result));
      assert.equal(await context.runtime.fs.readFile(`${root}/a`, "utf8"), "1!\n2!\n3!\n");
      await failed(other, "file_write", { path: "a", content: "x" }, "fs.changed");
    },
  },
  {
    id: "tools.2.patch",
    title: "a patch of either form is applied in whole or not at all",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const { fs } = context.runtime;
      await fs.writeFile(`${root}/a`, "one\ntwo\n");
      await fs.writeFile(`${root}/b`, "x\n");
      const head = "*** Begin Patch\n*** Update File: a\n one\n-two\n+2\n*** Add File: new/c\n+c\n";
      const bad = `${head}*** Update File: b\n-y\n+z\n*** End Patch`;
      assert.match(
        await failed(tools, "apply_patch", { patch: bad }, "edit.not_found"),
        /line 9 of the patch/,
      );
      assert.equal(await fs.readFile(`${root}/a`, "utf8"), "one\ntwo\n");
      assert.equal(await fs.exists(`${root}/new/c`), false);
      await done(tools, "apply_patch", { patch: `${head}*** Delete File: b\n*** End Patch` });
      await done(tools, "apply_patch", {
        patch:
          "diff --git a/a b/d\nrename from a\nrename to d\n--- a/a\n+++ b/d\n@@ -1,2 +1,2 @@\n-one\n+1\n 2\n",
      });
      assert.equal(await fs.readFile(`${root}/d`, "utf8"), "1\n2\n");
      assert.equal(await fs.readFile(`${root}/new/c`, "utf8"), "c\n");
      for (const name of ["a", "b"]) assert.equal(await fs.exists(`${root}/${name}`), false);
    },
  },
  {
    id: "tools.2.find",
    title: "files are found by directory, by name and by what is in them, inside of the root",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const { fs } = context.runtime;
      const patch =
        "*** Begin Patch\n*** Add File: src/a.ts\n+const one = 1;\n*** Add File: src/deep/b.ts\n+// é one\n*** Add File: .hidden\n+one\n*** End Patch";
      await done(tools, "apply_patch", { patch });
      assert.equal(await done(tools, "list", {}), "./\n  .hidden  4\n  src/");
      assert.equal(
        await done(tools, "list", { path: "src", depth: 2, hidden: true, ignored: true }),
        "src/\n  a.ts  15\n  deep/\n    b.ts  10",
      );
      assert.equal(
        await done(tools, "glob", { pattern: "**/*.ts", sort: "path" }),
        "src/a.ts\nsrc/deep/b.ts",
      );
      assert.equal(
        await done(tools, "grep", { pattern: "\\bone" }),
        "src/a.ts:1:const one = 1;\nsrc/deep/b.ts:1:// é one",
      );
      await failed(tools, "grep", { pattern: "(" }, "search.pattern_invalid");
      await fs.writeFile(`${root}/../outside/file`, "one\n");
      await fs.symlink("../outside", `${root}/link`);
      for (const path of ["link", "link/file", "../outside"]) {
        await failed(tools, "grep", { pattern: "one", path }, "fs.outside_workspace");
      }
    },
  },
  {
    id: "tools.2.contained",
    title:
      "the file tools stay inside of their root: .., absolute paths, links, other case, and a directory that is swapped",
    needs: ["contained"],
    run: async (context) => {
      const { tools, root } = await toolsIn(context);
      const { runtime } = context;
      const outside = `${root}/../outside`;
      await runtime.fs.writeFile(`${outside}/file`, "outside\n");
      await runtime.fs.symlink("../outside", `${root}/link`);
      for (const path of [
        "../outside/file",
        "link/file",
        `${root}/../outside/file`,
        "/etc/passwd",
        "link/../../outside/file",
      ]) {
        const patch = `*** Begin Patch\n*** Update File: ${path}\n-outside\n+x\n*** End Patch`;
        for (const [tool, input] of [
          ["file_read", { path }],
          ["file_write", { path, content: "x" }],
          ["file_edit", { path, edits: [{ old_text: "outside", new_text: "x" }] }],
          ["apply_patch", { patch }],
        ] as const) {
          await failed(tools, tool, input, "fs.outside_workspace");
        }
      }
      const upper = await tools.call("file_read", { path: `${root.toUpperCase()}/x` });
      assert.equal(upper.error?.code, "fs.outside_workspace");
      await runtime.fs.writeFile(`${root}/real/file`, "inside\n");
      await runtime.fs.symlink("../outside", `${root}/trap`);
      const abort = new AbortController();
      const script = "while :; do mv real swap && mv trap real && mv real trap && mv swap real; done";
      const swapping = runtime.exec(script, { cwd: root, signal: abort.signal }).catch(() => {});
      try {
        for (let turn = 0; turn < 4; turn++) {
          const [read, edit] = await Promise.all([
            tools.call("file_read", { path: "real/file" }),
            tools.call("file_edit", {
              path: "real/file",
              edits: [{ old_text: "outside", new_text: "x" }],
            }),
          ]);
          assert.doesNotMatch(textOf(read), /\toutside/);
          assert.equal(edit.isError, true);
        }
      } finally {
        abort.abort();
        await swapping;
      }
      assert.equal(await runtime.fs.readFile(`${outside}/file`, "utf8"), "outside\n");
    },
  },
];
