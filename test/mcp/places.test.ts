import assert from "node:assert/strict";
import { test } from "node:test";
import { requireOrSkip } from "../fixtures/install.ts";
import { waitFor } from "../fixtures/process.ts";
import { PLACES } from "../runner/places.ts";
import { call, httpClient, marker, stdioClient, textOf } from "./desk.ts";

for (const { title, make } of PLACES) {
  test(`a workspace in ${title}: by HTTP, and by berth mcp through the runner, at once`, async (t) => {
    await using stack = new AsyncDisposableStack();
    const made = await requireOrSkip(t, () => make(stack));
    if (made === undefined) return;
    const { runner, runtime } = made;
    const workspace = await runner.workspace(runtime === undefined ? {} : { runtime });
    await using http = await httpClient(runner, workspace.id);
    const env = { ...process.env, BERTH_HOME: `${runner.directory}/other`, BERTH_RUNNER_TOKEN: runner.token };
    const desk = { directory: runner.directory, env };
    await using stdio = await stdioClient(desk, ["-w", workspace.id, "--runner", runner.url]);

    const written = await call(http.client, "file_write", { path: "deep/a.txt", content: "ä\n" });
    assert.notEqual(written.isError, true, textOf(written));
    assert.match(
      textOf(await call(stdio.client, "bash", { command: "cat deep/a.txt; exit 7" })),
      /ä\n\[exit code 7/,
    );
    assert.match(textOf(await call(stdio.client, "file_read", { path: "../../etc/passwd" })), /outside/);

    const mark = marker();
    const stop = new AbortController();
    const running = http.client.callTool(
      { name: "bash", arguments: { command: `sleep 600; : ${mark}` } },
      { signal: stop.signal },
    );
    // Of processes of the place their command lines are read; the text that looks for it is not in its own.
    const looks = `grep -lsa ${mark.slice(0, -1)}[${mark.at(-1)}] /proc/[0-9]*/cmdline || :`;
    const runs = async (): Promise<boolean> => {
      const { structuredContent } = await call(stdio.client, "bash", { command: looks });
      return (structuredContent as { output: string }).output !== "";
    };
    await waitFor("it runs", runs);
    stop.abort();
    await assert.rejects(running);
    await waitFor("it is gone", async () => !(await runs()));
  });
}
