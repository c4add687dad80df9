import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "../src/contract/runtime.ts";
import { openRuntime } from "../src/runtimes/open.ts";
import { createTools } from "../src/tools/create.ts";
import type { ToolName, Tools } from "../src/tools/tool.ts";
import { dockerEngine } from "../test/fixtures/docker.ts";
import { image } from "../test/fixtures/images.ts";
import { sshUser } from "../test/fixtures/ssh-user.ts";
import { sshServer } from "../test/fixtures/sshd.ts";
import { inTurns, median, timed } from "./measure.ts";
import { type Bench, ms } from "./report.ts";
import { forgetConnections, networkTo } from "./ssh.ts";
import { exitsZero } from "./ways.ts";

const DELAY_MS = 50;
const ROUND_TRIP_MS = 2 * DELAY_MS;

/** What the tools cost: a command through them beside `exec`, and the round trips of each over SSH. */
export async function benchToolsLayer(bench: Bench): Promise<void> {
  if (bench.wanted("layer")) await commands(bench);
  if (bench.wanted("trips")) await roundTrips(bench);
}

async function commands({ report, turns }: Bench): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), "berth-bench-"));
  try {
    const { cliEnv } = await dockerEngine();
    Object.assign(process.env, cliEnv);
    await using local = await openRuntime({ type: "local", workdir: state }, { stateDirectory: state });
    await using container = await openRuntime(
      { type: "docker", image: await image("busybox"), pull: "never" },
      { stateDirectory: state },
    );
    const places: readonly [string, Runtime, string][] = [
      ["on this machine", local, "/bin/bash"],
      ["in a container", container, "/bin/sh"],
    ];
    for (const [where, runtime, shell] of places) {
      await using tools = await createTools(runtime);
      const seen = await inTurns(
        {
          exec: () => exitsZero(runtime.exec("true", { shell })),
          tool: () => succeeds(tools, "bash", { command: "true" }),
        },
        turns * 3,
        20,
        3,
      );
      const over = seen.tool - seen.exec;
      report(
        `\`bash true\` through the tools ${where}, beside \`exec\``,
        "≤ 0.3 ms more",
        `${ms(over)} more (exec ${ms(seen.exec)}, tool ${ms(seen.tool)})`,
        over <= 0.3,
      );
    }
  } finally {
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

interface Call {
  readonly what: string;
  readonly tool: ToolName;
  /** Not measured. */
  before?(): Promise<unknown>;
  input(): unknown;
}

async function roundTrips({ report, quick }: Bench): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), "berth-bench-"));
  process.env.BERTH_HOME = state;
  try {
    await using server = await sshServer({ node: true });
    await using user = await sshUser({ startup: "" });
    await using network = await networkTo(server, { delayMs: DELAY_MS });
    const config = server.config(user.name, { port: network.port });
    await using runtime = await openRuntime(config, { stateDirectory: state });
    await using tools = await createTools(runtime);
    for (const call of calls(tools, runtime)) {
      const seen: number[] = [];
      for (let turn = 0; turn < (quick ? 3 : 9); turn++) {
        await call.before?.();
        const input = call.input();
        seen.push(await timed(() => succeeds(tools, call.tool, input)));
      }
      const all = median(seen);
      report(
        `${call.what}, by SSH with ${DELAY_MS} ms each way`,
        "one round trip",
        `${(all / ROUND_TRIP_MS).toFixed(1)} (${ms(all)})`,
        all < 1.5 * ROUND_TRIP_MS,
      );
    }
  } finally {
    await forgetConnections();
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** One call of each tool, and of those that look at several files. */
function calls(tools: Tools, runtime: Runtime): readonly Call[] {
  const FILES = ["one.txt", "two.txt", "three.txt"];
  const write = () => Promise.all(FILES.map((path) => runtime.fs.writeFile(path, "old\nlast\n")));
  const seenByModel = async () => {
    await write();
    await succeeds(tools, "file_read", { files: FILES.map((path) => ({ path })) });
  };
  let process = "";
  const start = async (command: string) => {
    const { output } = await tools.call("bash", { command, background: true });
    ({ process } = output as { readonly process: string });
  };
  const patch = FILES.map(
    (path) => `--- a/${path}\n+++ b/${path}\n@@ -1,2 +1,2 @@\n-old\n+new\n last\n`,
  ).join("");
  return [
    { what: "`bash`", tool: "bash", input: () => ({ command: "true" }) },
    {
      what: "`bash` in the background",
      tool: "bash",
      input: () => ({ command: "exec sleep 60", background: true }),
    },
    {
      what: "`bash_output`",
      tool: "bash_output",
      before: () => start("echo begun; exec sleep 60"),
      input: () => ({ process }),
    },
    { what: "`bash_output` of all", tool: "bash_output", input: () => ({}) },
    {
      what: "`bash_input`",
      tool: "bash_input",
      before: () => start("exec cat"),
      input: () => ({ process, text: "typed\n" }),
    },
    {
      what: "`bash_kill`",
      tool: "bash_kill",
      before: () => start("exec sleep 60"),
      input: () => ({ process, signal: "SIGKILL" }),
    },
    { what: "`file_read`", tool: "file_read", before: write, input: () => ({ path: "one.txt" }) },
    {
      what: "`file_read` of three files",
      tool: "file_read",
      input: () => ({ files: FILES.map((path) => ({ path })) }),
    },
    { what: "`file_write`", tool: "file_write", input: () => ({ path: "new.txt", content: "x\n" }) },
    {
      what: "`file_edit`",
      tool: "file_edit",
      before: seenByModel,
      input: () => ({ path: "one.txt", edits: [{ old_text: "old", new_text: "new" }] }),
    },
    {
      what: "`apply_patch` to three files",
      tool: "apply_patch",
      before: seenByModel,
      input: () => ({ patch }),
    },
    { what: "`list`", tool: "list", input: () => ({}) },
    { what: "`glob`", tool: "glob", input: () => ({ pattern: "**/*.txt" }) },
    { what: "`grep`", tool: "grep", input: () => ({ pattern: "last" }) },
  ];
}

async function succeeds(tools: Tools, name: ToolName, input: unknown): Promise<void> {
  const { isError, error, content } = await tools.call(name, input);
  if (isError) throw new Error(`${name}: ${error?.code} ${JSON.stringify(content)}`);
}
