import assert from "node:assert/strict";
import { createTools } from "../../../src/tools/create.ts";
import type { ToolOptions, ToolResult, Tools } from "../../../src/tools/tool.ts";
import type { Case, CaseContext } from "../case.ts";
import { gone, waitFor } from "../kit.ts";

async function toolsOf({ runtime, defer }: CaseContext, options: ToolOptions = {}): Promise<Tools> {
  const tools = await createTools(runtime, options);
  defer(() => tools.close());
  return tools;
}

function textOf({ content }: ToolResult): string {
  return content.map((part) => (part.type === "text" ? part.text : "")).join("\n");
}

interface Output {
  readonly output: string;
  readonly exit_code: number | null;
  readonly timed_out: boolean;
  readonly running: boolean;
  readonly cut: boolean;
  readonly output_bytes: number;
  readonly output_file?: string;
  readonly process: string;
}

function outputOf(result: ToolResult): Output {
  assert.equal(result.isError, false, textOf(result));
  return result.output as Output;
}

/** docs/tools.md, bash. */
export const TOOLS_BASH: readonly Case[] = [
  {
    id: "tools.1.result",
    title: "bash says which shell it is, gives both streams in the order written, and how the command ended",
    run: async (context) => {
      const tools = await toolsOf(context);
      const bash = tools.get("bash")!;
      assert.match(bash.description, /^Runs a command in (?:bash|sh \(POSIX; there is no bash here\)), on /);
      const isBash = bash.description.startsWith("Runs a command in bash");
      assert.equal(isBash, (await context.runtime.exec("command -v bash")).exitCode === 0);
      const result = await tools.call("bash", {
        command: 'echo one; echo two >&2; echo three; echo "[$BASH_VERSION]"; exit 7',
      });
      assert.match(textOf(result), /^one\ntwo\nthree\n\[.*\]\n\[exit code 7, [\d.]+ m?s\]$/);
      assert.equal(outputOf(result).output.endsWith("[]"), !isBash);
    },
  },
  {
    id: "tools.1.cut",
    title: "much output is cut in the middle and changes nothing of how the command is said to have ended",
    run: async (context) => {
      const tools = await toolsOf(context);
      const result = await tools.call("bash", {
        command: "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); echo line $i; done; exit 7",
      });
      const { output, exit_code, cut, output_bytes, output_file } = outputOf(result);
      assert.equal(exit_code, 7);
      assert.equal(cut, true);
      assert.equal(output_bytes, 318_894);
      assert.match(output, /^line 1\nline 2\n[\s\S]*\n… [\d,]+ bytes left out; .+ …\n[\s\S]*\nline 30000$/);
      assert.ok(Buffer.byteLength(output) < 31_000);
      const { daemon } = context.runtime.capabilities;
      assert.equal(output_file !== undefined, daemon);
      if (output_file === undefined) return;
      const size = (await context.runtime.fs.stat(output_file)).size;
      assert.equal(size, output_bytes);
      assert.ok(output.includes(`the whole output is in ${output_file} …`), output.slice(14_000, 16_000));
      // The path that the model is given is one that its other tools take.
      const found = await tools.call("grep", { pattern: "line 2999[89]$", path: output_file });
      assert.equal(
        textOf(found)
          .split("\n")
          .filter((line) => line.includes("line 2999")).length,
        2,
        textOf(found),
      );
      const read = await tools.call("file_read", { path: output_file, offset: 15_000, limit: 1 });
      assert.match(textOf(read), /^ *15000\tline 15000$/m);
      const written = await tools.call("file_write", { path: output_file, content: "" });
      assert.equal(written.error?.code, "fs.outside_workspace", "it is only read");
    },
  },
  {
    id: "tools.1.text",
    title: "redrawn lines, colours, NUL and what is no UTF-8 are told as a person would see them",
    run: async (context) => {
      const tools = await toolsOf(context);
      const command = "printf 'a\\000b \\377 \\033[1;31mred\\033[0m\\n10%%\\r 50%%\\r100%%\\n'";
      assert.equal(outputOf(await tools.call("bash", { command })).output, "a␀b � red\n100%");
    },
  },
  {
    id: "tools.1.no-input",
    title: "what wants input ends at once, or by its timeout with all that it has started, and says why",
    run: async (context) => {
      const tools = await toolsOf(context);
      assert.equal(outputOf(await tools.call("bash", { command: "cat" })).exit_code, 0);
      const reading = await tools.call("bash", { command: "read answer" });
      assert.match(textOf(reading), /\[exit code 1, .*\n`read` found nothing: its input is empty/);
      const asking = await tools.call("bash", {
        command: "echo $$; printf 'Continue? '; sleep 60",
        timeout_ms: 400,
      });
      assert.equal(outputOf(asking).timed_out, true);
      assert.match(
        textOf(asking),
        /\[timed out, .*\nIt was ended after 400 ms, .* seems to wait for an answer/,
      );
      await gone(context.runtime, outputOf(asking).output.split("\n")[0]!);
    },
  },
  {
    id: "tools.1.abort",
    title: "an abort settles the call and ends the command",
    run: async (context) => {
      const tools = await toolsOf(context);
      const stop = new AbortController();
      let output = "";
      const result = await tools.call(
        "bash",
        { command: "echo $$; sleep 61" },
        {
          signal: stop.signal,
          onOutput: (text) => {
            output += text;
            if (output.endsWith("\n")) stop.abort();
          },
        },
      );
      assert.equal(result.error?.code, "operation.aborted");
      await gone(context.runtime, output.trim());
    },
  },
  {
    id: "tools.1.errors",
    title: "a command that can't start is a result with its code, and a directory outside is refused",
    run: async (context) => {
      const tools = await toolsOf(context, { root: await context.directory() });
      const code = async (cwd: string) => (await tools.call("bash", { command: "pwd", cwd })).error?.code;
      assert.equal(await code("not-there"), "process.cwd_not_found");
      assert.equal(await code(".."), "fs.outside_workspace");
      assert.equal(outputOf(await tools.call("bash", { command: "pwd" })).output, tools.context.root);
    },
  },
  {
    id: "tools.1.background",
    title: "background commands are waited for, typed to and ended, and closing ends the others",
    needs: ["spawn", "resume"],
    run: async (context) => {
      const tools = await toolsOf(context);
      const started = await tools.call("bash", {
        command: "echo $$; while read -r line; do echo got $line; done",
        background: true,
        wait_for: "^[0-9]+\n",
      });
      const { process, output } = outputOf(started);
      const typed = await tools.call("bash_input", { process, text: "one\n", wait_for: "got" });
      assert.equal(outputOf(typed).output, "got one");
      const end = await tools.call("bash_input", { process, eof: true, wait: "exit" });
      assert.equal(outputOf(end).exit_code, 0);
      const other = outputOf(
        await tools.call("bash", { command: "echo $$; exec sleep 62", background: true, wait_for: "\n" }),
      );
      assert.equal(other.running, true);
      const killed = await tools.call("bash_kill", { process: other.process });
      assert.match(textOf(killed), /ended by SIGTERM/);
      const last = outputOf(
        await tools.call("bash", { command: "echo $$; exec sleep 63", background: true, wait_for: "\n" }),
      );
      await tools.close();
      await gone(context.runtime, output.trim(), other.output.trim(), last.output.trim());
    },
  },
  {
    id: "tools.1.moved",
    title: "a foreground command moves to the background, and no byte is lost or told twice",
    needs: ["daemon"],
    run: async (context) => {
      const tools = await toolsOf(context);
      const directory = await context.directory();
      const command = `i=0; while [ ! -e ${directory}/go ]; do i=$((i+1)); echo $i; sleep 0.02; done; echo end; exit 5`;
      let live = "";
      const called = tools.call("bash", { command }, { callId: "moved", onOutput: (text) => (live += text) });
      await waitFor("it writes", async () => live.includes("\n3\n"));
      const id = await tools.background("moved");
      const before = outputOf(await called);
      assert.equal(before.process, id);
      assert.equal(before.running, true);
      const during = outputOf(
        await tools.call("bash_output", { process: id, wait: "output", timeout_ms: 100 }),
      );
      await context.runtime.fs.writeFile(`${directory}/go`, "");
      const after = outputOf(await tools.call("bash_output", { process: id, wait: "exit" }));
      assert.equal(after.exit_code, 5);
      const told = [before, during, after].map(({ output }) => output).filter((text) => text !== "");
      const numbers = told.join("\n").split("\n");
      assert.equal(numbers.pop(), "end");
      assert.deepEqual(
        numbers,
        numbers.map((_, index) => String(index + 1)),
      );
    },
  },
];
