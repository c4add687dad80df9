import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { BERTH, type Desk, desk } from "../cli/berth.ts";
import { isAlive, waitFor } from "../fixtures/process.ts";
import {
  call,
  inspect,
  MODERN,
  marker,
  processesWith,
  stdioClient,
  textOf,
  untilGone,
  untilRunning,
} from "./desk.ts";

/** A 1 × 1 PNG. */
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

describe("berth mcp", { concurrency: 4 }, () => {
  test("berth mcp, by the official client", async (t) => {
    await using place = await desk();
    const { directory } = place;
    writeFileSync(join(directory, "näme.txt"), "ein\nzwei\n");
    writeFileSync(join(directory, "dot.png"), PNG);
    symlinkSync("/etc", join(directory, "out"));
    await using session = await stdioClient(place);
    const { client } = session;

    await t.test(
      "tools have titles, annotations and schemas that the client holds results against",
      async () => {
        const { tools } = await client.listTools();
        const bash = tools.find(({ name }) => name === "bash");
        assert.equal(bash?.title, "Run a command");
        assert.deepEqual(
          [
            bash?.annotations?.readOnlyHint,
            bash?.annotations?.destructiveHint,
            bash?.annotations?.openWorldHint,
          ],
          [false, true, true],
        );
        assert.equal(tools.find(({ name }) => name === "grep")?.annotations?.readOnlyHint, true);
        for (const { inputSchema, outputSchema } of tools) {
          assert.equal(inputSchema.type, "object");
          assert.equal(outputSchema?.type, "object");
        }
        assert.match(client.getInstructions() ?? "", /one place/);
      },
    );

    await t.test("exit code, unicode, big output, an image", async () => {
      const exit = await call(client, "bash", { command: "printf 'é\\n漢字\\n'; exit 3" });
      assert.notEqual(exit.isError, true);
      assert.equal((exit.structuredContent as { exit_code: number }).exit_code, 3);
      assert.match(textOf(exit), /é\n漢字\n\[exit code 3/);
      const big = await call(client, "bash", { command: "seq 1 2000000; exit 7" });
      const { exit_code, cut, output_bytes } = big.structuredContent as Record<string, unknown>;
      assert.deepEqual([exit_code, cut, output_bytes], [7, true, 14_888_896]);
      assert.ok(Buffer.byteLength(textOf(big)) < 32_000);
      const image = await call(client, "file_read", { path: "dot.png" });
      const part = image.content.find(({ type }) => type === "image") as { mimeType: string; data: string };
      assert.equal(part.mimeType, "image/png");
      assert.deepEqual(Buffer.from(part.data, "base64"), PNG);
    });

    await t.test(
      "wrong input and refusals are results; what is no tool is an error of the protocol",
      async () => {
        const wrong = await call(client, "bash", { commando: "true" });
        assert.equal(wrong.isError, true);
        assert.match(textOf(wrong), /tool\.input_invalid/);
        const outside = await call(client, "file_read", { path: "out/passwd" });
        assert.equal(outside.isError, true);
        assert.match(textOf(outside), /fs\.outside_workspace/);
        const told = outside._meta?.["berth/error"] as { code: string; hint: string };
        assert.equal(told.code, "fs.outside_workspace");
        assert.ok(told.hint.length > 0);
        await assert.rejects(call(client, "nothing"), /no tool nothing/);
      },
    );

    await t.test("resources: files and logs", async () => {
      await call(client, "bash", { command: "echo logged; sleep 600", background: true, name: "server" });
      await waitFor("the log is there", async () => {
        const log = await client.readResource({ uri: "berth://processes/server/log" });
        return (log.contents[0] as { text: string }).text === "logged\n";
      });
      const { resources } = await client.listResources();
      assert.ok(resources.some(({ uri }) => uri === "berth://files/n%C3%A4me.txt"));
      assert.ok(resources.some(({ title }) => title === "Log of server"));
      const file = await client.readResource({ uri: "berth://files/n%C3%A4me.txt" });
      assert.deepEqual(file.contents, [
        { uri: "berth://files/n%C3%A4me.txt", mimeType: "text/plain", text: "ein\nzwei\n" },
      ]);
      const image = (await client.readResource({ uri: "berth://files/dot.png" })).contents[0] as {
        blob: string;
      };
      assert.deepEqual(Buffer.from(image.blob, "base64"), PNG);
      for (const path of ["nothing.txt", "../x", "%2e%2e/x", "out/passwd", "/etc/passwd", "%ff"]) {
        await assert.rejects(client.readResource({ uri: `berth://files/${path}` }), path);
      }
      assert.equal((await client.listResourceTemplates()).resourceTemplates.length, 2);
      await call(client, "bash_kill", { process: "server" });
    });

    await t.test(
      "a command that is cancelled is ended with its whole tree; the session goes on",
      async () => {
        const mark = marker();
        const stop = new AbortController();
        const running = client.callTool(
          {
            name: "bash",
            arguments: { command: `sh -c 'sleep 600; : ${mark}' & setsid sleep 600 & : ${mark}; wait` },
          },
          { signal: stop.signal },
        );
        await untilRunning(mark);
        stop.abort();
        await assert.rejects(running);
        await untilGone(mark);
        assert.match(textOf(await call(client, "bash", { command: "echo on" })), /on/);
      },
    );

    await t.test("2026-07-28, beside the other session", async () => {
      await using modern = await stdioClient(place, ["--read-only"], { options: MODERN });
      const { tools } = await modern.client.listTools();
      assert.deepEqual(tools.map(({ name }) => name).sort(), ["file_read", "glob", "grep", "list"]);
      assert.match(textOf(await call(modern.client, "file_read", { path: "näme.txt" })), /zwei/);
    });
  });

  /** `berth mcp` with lines of JSON, as a client that no SDK made. */
  function raw(place: Desk, args: readonly string[] = []) {
    const child = place.start(["mcp", ...args]);
    const lines: Record<string, unknown>[] = [];
    const noise: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => {
      try {
        lines.push(JSON.parse(line) as Record<string, unknown>);
      } catch {
        noise.push(line);
      }
    });
    child.stderr.resume();
    child.stdin.on("error", () => undefined);
    const send = (message: Readonly<Record<string, unknown>> | string): void => {
      const text = typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message });
      child.stdin.write(`${text}\n`);
    };
    const answer = async (id: number): Promise<Record<string, unknown>> => {
      await waitFor(`an answer to ${id}`, () => lines.some((line) => line.id === id));
      return lines.find((line) => line.id === id) ?? {};
    };
    const begin = async (protocolVersion: string): Promise<Record<string, unknown>> => {
      const clientInfo = { name: "raw", version: "1" };
      send({ id: 1, method: "initialize", params: { protocolVersion, capabilities: {}, clientInfo } });
      const { result } = (await answer(1)) as { result: Record<string, unknown> };
      send({ method: "notifications/initialized" });
      return result;
    };
    return { child, lines, noise, send, answer, begin };
  }

  test("an older revision, and lines that are none of the protocol", async () => {
    await using place = await desk();
    const client = raw(place);
    client.send("this is no JSON");
    assert.equal((await client.begin("2024-11-05")).protocolVersion, "2024-11-05");
    client.send("{");
    client.send({ id: 2, method: "no/such" });
    assert.equal(((await client.answer(2)) as { error: { code: number } }).error.code, -32601);
    client.send({ id: 3, method: "tools/call", params: { name: 7 } });
    assert.ok("error" in (await client.answer(3)));
    client.send({
      id: 4,
      method: "tools/call",
      params: { name: "bash", arguments: { command: "echo fine" } },
    });
    assert.match(JSON.stringify(await client.answer(4)), /fine/);
    client.send({
      id: 5,
      method: "tools/call",
      params: { name: "bash", arguments: { command: "sleep 600" } },
    });
    client.send({ method: "notifications/cancelled", params: { requestId: 5 } });
    client.send({ id: 6, method: "ping" });
    await client.answer(6);
    client.child.stdin.end();
    await waitFor("it has ended", () => client.child.exitCode !== null);
    assert.equal(client.child.exitCode, 0);
    assert.equal(
      client.lines.some(({ id }) => id === 5),
      false,
      "what is cancelled has no answer",
    );
    assert.deepEqual(client.noise, [], "stdout is the protocol's alone");
  });

  test("a client that is killed: its commands end, and the server with them", async () => {
    await using place = await desk();
    const [foreground, background, stays] = [marker(), marker(), marker()];
    const script = `
    import { spawn } from "node:child_process";
    const child = spawn(process.execPath, ${JSON.stringify([BERTH, "mcp"])}, { stdio: ["pipe", "pipe", "ignore"] });
    console.log(child.pid);
    const send = (message) => child.stdin.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
    const bash = (id, args) => send({ id, method: "tools/call", params: { name: "bash", arguments: args } });
    send({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "k", version: "1" } } });
    send({ method: "notifications/initialized" });
    bash(2, { command: "sleep 600; : ${background}", background: true });
    bash(3, { command: "sleep 600; : ${stays}", background: true, stays: true, name: "stays" });
    bash(4, { command: "sh -c 'sleep 600; : ${foreground}'; : ${foreground}" });
    child.stdout.resume();
  `;
    const client = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: place.directory,
      env: place.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      let out = "";
      client.stdout.on("data", (chunk: Buffer) => {
        out += chunk.toString();
      });
      for (const mark of [foreground, background, stays]) {
        await waitFor(`${mark} runs`, () => processesWith(mark).some((pid) => pid !== client.pid));
      }
      const server = Number(out.trim());
      assert.ok(isAlive(server));
      client.kill("SIGKILL");
      await waitFor("the server has ended", () => !isAlive(server));
      await untilGone(foreground);
      await untilGone(background);
      assert.ok(processesWith(stays).length > 0, "what is to stay stays");
      await place.run(["kill", "stays"]);
      await untilGone(stays);
    } finally {
      client.kill("SIGKILL");
    }
  });

  test("a signal ends it in order", async () => {
    await using place = await desk();
    const client = raw(place);
    await client.begin("2025-06-18");
    const mark = marker();
    const input = { command: `sleep 600; : ${mark}`, background: true };
    client.send({ id: 2, method: "tools/call", params: { name: "bash", arguments: input } });
    await client.answer(2);
    await untilRunning(mark);
    client.child.kill("SIGINT");
    await waitFor("it has ended", () => client.child.exitCode !== null);
    assert.deepEqual([client.child.exitCode, processesWith(mark)], [0, []]);
  });

  test("a server that is killed: the lease ends what it has started", async () => {
    await using place = await desk();
    const client = raw(place, ["--lease", "500ms"]);
    await client.begin("2025-06-18");
    const mark = marker();
    const input = { command: `sleep 600; : ${mark}`, background: true };
    client.send({ id: 2, method: "tools/call", params: { name: "bash", arguments: input } });
    await client.answer(2);
    await untilRunning(mark);
    client.child.kill("SIGKILL");
    await untilGone(mark);
  });

  test("what is wrong is told before a client is answered; a place that is away, by each call", async () => {
    await using place = await desk();
    const unknown = await place.run(["mcp", "-w", "nothing"]);
    assert.equal(unknown.code, 125);
    assert.match(unknown.stderr, /nothing/);
    assert.equal(unknown.stdout.length, 0);
    for (const args of [
      ["--tools", "bash,nope"],
      ["--root", "relative"],
      ["--max-lines", "0"],
      ["--timeout", "5m", "--max-timeout", "1m"],
      ["-r", "x", "-w", "y"],
    ]) {
      assert.equal((await place.run(["mcp", ...args])).code, 125, args.join(" "));
    }
    await using session = await stdioClient(place, ["-r", "ssh://dev@127.0.0.1:9"]);
    const { tools } = await session.client.listTools();
    assert.ok(tools.some(({ name }) => name === "bash"));
    for (const _ of [1, 2]) {
      const failed = await call(session.client, "bash", { command: "true" });
      assert.equal(failed.isError, true);
      assert.match(textOf(failed), /\(ssh\.\w+\)\n\w/);
    }
  });

  test("the client's roots narrow where the tools work, and never widen it", async () => {
    await using place = await desk();
    const inside = join(place.directory, "inside");
    mkdirSync(inside);
    symlinkSync("/etc", join(place.directory, "link"));
    const withRoots = (...paths: string[]) =>
      stdioClient(place, [], {
        options: { capabilities: { roots: {} } },
        prepare: (client) =>
          client.setRequestHandler("roots/list", () => ({
            roots: paths.map((path) => ({ uri: `file://${path}` })),
          })),
      });
    await using narrow = await withRoots("/etc", join(place.directory, "link"), inside);
    assert.match(textOf(await call(narrow.client, "bash", { command: "pwd" })), /\/inside\n/);
    assert.match(textOf(await call(narrow.client, "file_read", { path: "../x" })), /fs\.outside_workspace/);
    assert.match(narrow.stderr(), /\/etc is not a directory inside/);
    await using wide = await withRoots("/");
    assert.equal(textOf(await call(wide.client, "bash", { command: "pwd" })).split("\n")[0], place.directory);
    await using whole = await stdioClient(place, [], { cwd: "/" });
    assert.match(textOf(await call(whole.client, "bash", { command: "pwd" })), /config\.invalid/);
  });

  test("the inspector's command line", async () => {
    await using place = await desk();
    writeFileSync(join(place.directory, "a.txt"), "hello\n");
    const command = [process.execPath, BERTH, "mcp"];
    const flags = ["--tool-name", "bash", "--tool-arg", "command=cat a.txt; exit 4"];
    const result = inspect([...command, "--method", "tools/call", ...flags], place.env, place.directory) as {
      structuredContent: { exit_code: number; output: string };
    };
    assert.deepEqual(
      [result.structuredContent.exit_code, result.structuredContent.output.trim()],
      [4, "hello"],
    );
  });
});
