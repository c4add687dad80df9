import assert from "node:assert/strict";
import type { Case } from "../case.ts";
import { bytesOf, refused } from "../kit.ts";

/** SEMANTICS, Files 7: paths that are held inside of a workspace. */
export const CONTAINED: readonly Case[] = [
  {
    id: "files.7.inside",
    title: "what is inside works, also through links that stay inside",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const root = `${await directory()}/root`;
      const contained = { root };
      await runtime.fs.mkdir(`${root}/sub`, { recursive: true });
      await runtime.fs.writeFile(`${root}/sub/file`, "inside", { contained });
      await runtime.fs.symlink("sub", `${root}/relative`);
      await runtime.fs.symlink(`${root}/sub`, `${root}/absolute`);
      for (const name of ["sub/file", "relative/file", "absolute/file", "sub/../sub/./file"]) {
        assert.equal(await runtime.fs.readFile(`${root}/${name}`, { contained, encoding: "utf8" }), "inside");
      }
      await runtime.fs.writeFile(`${root}/relative/new/file`, "made", { contained });
      assert.equal(await runtime.fs.readFile(`${root}/sub/new/file`, "utf8"), "made");
      await refused(runtime.fs.readFile(`${root}/nothing`, { contained }), "ENOENT");
    },
  },
  {
    id: "files.7.outside",
    title: "a path that leaves is fs.outside_workspace, for every operation and every way out",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const root = `${path}/root`;
      const contained = { root };
      await runtime.fs.writeFile(`${path}/outside/file`, "outside");
      await runtime.fs.writeFile(`${path}/root-beside/file`, "same prefix");
      await runtime.fs.mkdir(root);
      await runtime.fs.symlink("../outside", `${root}/relative`);
      await runtime.fs.symlink(`${path}/outside/file`, `${root}/absolute`);
      await runtime.fs.symlink("relative/file", `${root}/twice`);
      await runtime.fs.symlink("/proc/self/root", `${root}/magic`);
      const ways = [
        `${path}/outside/file`,
        `${root}/../outside/file`,
        `${path}/root-beside/file`,
        `${root}/relative/file`,
        `${root}/absolute`,
        `${root}/twice`,
        `${root}/magic${path}/outside/file`,
        "/etc/passwd",
      ];
      // Without a daemon each of them is a run of a shell, and all find the entry by the same script.
      const all = runtime.capabilities.daemon || process.env.BERTH_LONG !== undefined;
      for (const [index, way] of ways.entries()) {
        const operations = [
          () => runtime.fs.readFile(way, { contained }),
          () => bytesOf(runtime.fs.createReadStream(way, { contained })),
          () => runtime.fs.writeFile(way, "changed", { contained }),
          () => runtime.fs.stat(way, { contained }),
          () => runtime.fs.chmod(way, 0o777, { contained }),
          () => runtime.fs.realpath(way, { contained }),
        ];
        for (const operation of all ? operations : operations.slice(index % 6, (index % 6) + 1)) {
          const error = await refused(operation(), "fs.outside_workspace");
          assert.equal(error.path, way);
        }
      }
      for (const operation of [
        () => runtime.fs.readdir(`${root}/relative`, { contained }),
        () => runtime.fs.mkdir(`${root}/relative/made`, { contained }),
        () => runtime.fs.rm(`${root}/relative/file`, { contained }),
        () => runtime.fs.symlink("x", `${root}/relative/link`, { contained }),
        () => runtime.fs.readText(`${root}/relative/file`, { contained }),
        () =>
          runtime.fs.change([{ type: "write", path: `${root}/relative/new`, content: "" }], { contained }),
        () => runtime.fs.change([{ type: "remove", path: `${root}/relative/file` }], { contained }),
      ]) {
        await refused(operation(), "fs.outside_workspace");
      }
      assert.equal(await runtime.fs.readFile(`${path}/outside/file`, "utf8"), "outside");
      // The link itself is inside.
      await runtime.fs.rm(`${root}/relative`, { contained });
      assert.equal(await runtime.fs.exists(`${path}/outside/file`), true);
    },
  },
  {
    id: "files.7.outside-held",
    title: "moving, watching and removing trees stay inside as well, where a daemon does them",
    needs: ["contained", "watch"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const root = `${path}/root`;
      const contained = { root };
      await runtime.fs.writeFile(`${path}/outside/file`, "outside");
      await runtime.fs.mkdir(root);
      await runtime.fs.symlink("../outside", `${root}/relative`);
      for (const operation of [
        () => runtime.fs.rm(`${root}/../outside`, { recursive: true, contained }),
        () => runtime.fs.rename(`${root}/relative/file`, `${root}/moved`, { contained }),
        () => runtime.fs.watch(`${root}/relative`, { contained }),
      ]) {
        await refused(operation(), "fs.outside_workspace");
      }
      assert.equal(await runtime.fs.readFile(`${path}/outside/file`, "utf8"), "outside");
    },
  },
  {
    id: "files.7.extra-roots",
    title: "extra roots are inside as well",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      await runtime.fs.writeFile(`${path}/extra/file`, "extra");
      await runtime.fs.mkdir(`${path}/root`);
      await runtime.fs.symlink("../extra", `${path}/root/link`);
      const contained = { root: `${path}/root`, extraRoots: [`${path}/extra`] };
      for (const name of ["extra/file", "root/link/file"]) {
        assert.equal(await runtime.fs.readFile(`${path}/${name}`, { contained, encoding: "utf8" }), "extra");
      }
    },
  },
  {
    id: "files.7.swapped",
    title: "a directory that is swapped for a link between check and use leads nobody out",
    needs: ["contained"],
    run: async ({ runtime, directory }) => {
      const path = await directory();
      const root = `${path}/root`;
      await runtime.fs.writeFile(`${path}/outside/file`, "outside");
      await runtime.fs.writeFile(`${root}/real/file`, "inside");
      await runtime.fs.symlink("../outside", `${root}/trap`);
      const script = "while :; do mv real swap && mv trap real && mv real trap && mv swap real; done";
      const abort = new AbortController();
      const swapping = runtime.exec(script, { cwd: root, signal: abort.signal }).catch(() => {});
      let inside = 0;
      // Without a daemon each turn is two runs of a shell.
      const few = process.env.BERTH_LONG === undefined ? 8 : 60;
      const turns = runtime.capabilities.daemon ? 300 : few;
      // On a busy machine who swaps may sleep while it is away, for hundreds of quick looks.
      const deadline = performance.now() + 60_000;
      for (let turn = 0; turn < turns || (inside === 0 && performance.now() < deadline); turn++) {
        const content = await runtime.fs
          .readFile(`${root}/real/file`, { contained: { root }, encoding: "utf8" })
          .catch((error: { code: string }) => error.code);
        if (content === "inside") inside++;
        else assert.match(content, /^(ENOENT|ENOTDIR|fs\.outside_workspace)$/);
        // Not a write, which would create the parent while it is away and so stop the swapping.
        await runtime.fs
          .mkdir(`${root}/real/planted`, { contained: { root } })
          .catch((error: { code: string }) =>
            assert.match(error.code, /^(ENOENT|ENOTDIR|EEXIST|fs\.outside_workspace)$/),
          );
      }
      abort.abort();
      await swapping;
      assert.ok(inside > 0, "it was inside at least once");
      assert.equal(await runtime.fs.exists(`${path}/outside/planted`), false);
      assert.equal(await runtime.fs.readFile(`${path}/outside/file`, "utf8"), "outside");
    },
  },
];
