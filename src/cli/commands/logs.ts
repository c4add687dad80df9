import type { Command } from "commander";
import type { OutputChunk } from "../../contract/process.ts";
import { wholeNumber } from "../arguments.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { printOutput } from "../session.ts";

interface Flags extends RuntimeOptions {
  readonly follow?: boolean;
  readonly from?: number;
  readonly stream?: "stdout" | "stderr";
}

export function addLogsCommand(program: Command): void {
  const command = program
    .command("logs")
    .description("print the output of a process, running or finished")
    .argument("<process>", "id or name");
  addRuntimeOption(command)
    .option("-f, --follow", "go on until it ends")
    .option("--from <cursor>", "byte of the output to start at; negative: from the end", wholeNumber)
    .option("--stream <name>", "only stdout or only stderr")
    .action(async (id: string, flags: Flags) => {
      await using runtime = await open(flags);
      const found = await runtime.process(id);
      const stop = new AbortController();
      const interrupt = (): void => stop.abort();
      process.once("SIGINT", interrupt);
      try {
        const output = found.output({
          from: flags.from ?? 0,
          follow: flags.follow ?? false,
          signal: stop.signal,
        });
        await printOutput(flags.stream === undefined ? output : only(output, flags.stream));
      } catch (cause) {
        // Ctrl-C only stops looking.
        if (!stop.signal.aborted) throw cause;
        process.exitCode = 130;
      } finally {
        process.off("SIGINT", interrupt);
      }
    });
}

async function* only(chunks: AsyncIterable<OutputChunk>, stream: string): AsyncIterable<OutputChunk> {
  for await (const chunk of chunks) if (chunk.type !== "data" || chunk.stream === stream) yield chunk;
}
