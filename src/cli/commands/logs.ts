import type { Command } from "commander";
import type { BerthError } from "../../contract/errors.ts";
import type { OutputChunk, Process } from "../../contract/process.ts";
import { PatternMatcher } from "../../runtimes/daemon/ready.ts";
import { duration, wholeNumber } from "../arguments.ts";
import { EXIT, usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { printOutput } from "../session.ts";

interface Flags extends RuntimeOptions {
  readonly follow?: boolean;
  readonly from?: number;
  readonly stream?: "stdout" | "stderr";
  readonly until?: RegExp;
  readonly timeout?: number;
}

/** As of grep: it was looked for, and is not there. */
const EXIT_NO_MATCH = 1;
const EXIT_INTERRUPTED = 130;

export function addLogsCommand(program: Command): void {
  const command = program
    .command("logs")
    .description("print the output of a process, running or finished")
    .argument("<process>", "id or name");
  addRuntimeOption(command)
    .option("-f, --follow", "go on until it ends")
    .option("--from <cursor>", "byte of the output to start at; negative: from the end", wholeNumber)
    .option("--stream <name>", "only stdout or only stderr")
    .option(
      "--until <pattern>",
      "go on until the output matches this regular expression, also what is there already; exit code 1 when it ends without",
      pattern,
    )
    .option("--timeout <duration>", "with --follow or --until: go on for so long; exit code 124", duration)
    .action(async (id: string, flags: Flags) => {
      await using runtime = await open(flags);
      process.exitCode = await show(await runtime.process(id), flags);
    });
}

async function show(found: Process, flags: Flags): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once("SIGINT", interrupt);
  const follow = flags.follow === true || flags.until !== undefined;
  const late = new AbortController();
  const timer =
    flags.timeout === undefined || !follow ? undefined : setTimeout(() => late.abort(), flags.timeout);
  try {
    const output = found.output({
      from: flags.from ?? 0,
      follow,
      signal: AbortSignal.any([stop.signal, late.signal]),
    });
    const shown = flags.stream === undefined ? output : only(output, flags.stream);
    if (flags.until === undefined) {
      await printOutput(shown);
      return 0;
    }
    const search = new Search(flags.until);
    await printOutput(search.until(shown));
    if (search.found) return 0;
    process.stderr.write(`berth: ${found.name ?? found.id} ended without a match\n`);
    return EXIT_NO_MATCH;
  } catch (cause) {
    // Ctrl-C and the time only stop looking.
    if (stop.signal.aborted) return EXIT_INTERRUPTED;
    if (!late.signal.aborted) throw cause;
    if (flags.until !== undefined) process.stderr.write("berth: no match in time; the process goes on\n");
    return EXIT.timedOut;
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", interrupt);
  }
}

/** Looks for a pattern in each stream of its own, as a line of one is no line of both. */
class Search {
  readonly #matchers: Readonly<Record<"stdout" | "stderr", PatternMatcher>>;
  found = false;

  constructor(wanted: RegExp) {
    this.#matchers = { stdout: new PatternMatcher(wanted), stderr: new PatternMatcher(wanted) };
  }

  /** The chunks up to the one with which it matches. */
  async *until(chunks: AsyncIterable<OutputChunk>): AsyncIterable<OutputChunk> {
    for await (const chunk of chunks) {
      yield chunk;
      if (chunk.type !== "data") continue;
      this.found = this.#matchers[chunk.stream === "stderr" ? "stderr" : "stdout"].push(chunk.data);
      if (this.found) return;
    }
  }
}

async function* only(chunks: AsyncIterable<OutputChunk>, stream: string): AsyncIterable<OutputChunk> {
  for await (const chunk of chunks) if (chunk.type !== "data" || chunk.stream === stream) yield chunk;
}

/** ^ and $ are the ends of a line. */
function pattern(text: string): RegExp {
  try {
    return new RegExp(text, "mu");
  } catch (cause) {
    throw badPattern(text, cause);
  }
}

function badPattern(text: string, cause: unknown): BerthError {
  const reason = cause instanceof Error ? cause.message.replace(/^Invalid regular expression: /, "") : "";
  return usageError(`--until: ${JSON.stringify(text)} is no regular expression`, reason);
}
