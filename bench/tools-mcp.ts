import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { openRuntime } from "../src/runtimes/open.ts";
import { inTurns } from "./measure.ts";
import { type Bench, ms } from "./report.ts";
import { exitsZero } from "./ways.ts";

const BERTH = join(import.meta.dirname, "../bin/berth.js");

/** A command through `berth mcp`, beside the same by `exec` of the library. */
export async function benchMcp({ report, turns, wanted }: Bench): Promise<void> {
  if (!wanted("mcp")) return;
  const state = await mkdtemp(join(tmpdir(), "berth-bench-"));
  await using runtime = await openRuntime({ type: "local", workdir: state }, { stateDirectory: state });
  const client = new Client({ name: "bench", version: "1.0.0" });
  try {
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [BERTH, "mcp"],
        cwd: state,
        env: { ...process.env, BERTH_HOME: state, BERTH_RUNTIME: "" } as Record<string, string>,
        stderr: "ignore",
      }),
    );
    const call = async (): Promise<void> => {
      const { isError } = await client.callTool({ name: "bash", arguments: { command: "true" } });
      if (isError === true) throw new Error("the call failed");
    };
    const seen = await inTurns(
      { exec: () => exitsZero(runtime.exec("true", { shell: "/bin/bash" })), mcp: call },
      turns * 3,
      20,
      3,
    );
    const over = seen.mcp - seen.exec;
    report(
      "`bash true` through MCP over stdio, beside `exec`",
      "≤ 1.5 ms more",
      `${ms(over)} more (exec ${ms(seen.exec)}, MCP ${ms(seen.mcp)})`,
      over <= 1.5,
    );
  } finally {
    await client.close();
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
