// An agent that mends a failing test, in a copy of a real repository, Berth's own:
//
//     node examples/agent/mend.ts [--repository DIRECTORY] [--model MODEL | --model mock]
//
// The repository is cloned into a temporary directory, a defect is put into the clone, and the agent is told only which test
// fails. It may change anything but tests.
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { LanguageModel } from "ai";
import { type OpenOptions, openRuntime } from "berth";
import { createTools, type ToolHooks } from "berth/tools";
import { chosenModel, runAgent } from "./loop.ts";
import { type Script, scriptedModel } from "./scripted.ts";

const FILE = "src/tools/ansi.ts";
const TEST = "src/tools/ansi.test.ts";
const SOUND = `.trim() !== ""`;
const DEFECT = `.trim() === ""`;

/** The command of the test, with the Node that runs this. */
const COMMAND = `'${process.execPath}' --test ${TEST}`;
const TASK = `A test fails: ${COMMAND}. Find out why, and mend the code. Don't change any test.`;

/** Tests are looked at and run, not changed. */
const hooks: ToolHooks = {
  before: ({ tool, input }) =>
    tool.startsWith("file_") && tool !== "file_read" && /"path":"[^"]*\.test\.ts"/.test(JSON.stringify(input))
      ? { refuse: "tests are not to be changed: mend the code" }
      : undefined,
};

export interface Mended {
  readonly text: string;
  /** What the agent has changed in what it was given; "": the repository is as it was before the defect. */
  readonly difference: string;
}

export async function mend(
  repository: string,
  model: LanguageModel,
  print: (text: string) => void,
  options: OpenOptions = {},
): Promise<Mended> {
  const directory = await mkdtemp(join(tmpdir(), "berth-mend-"));
  try {
    const copy = join(directory, "copy");
    execFileSync("git", ["clone", "--quiet", "--no-hardlinks", repository, copy]);
    // Packages are only read.
    await symlink(join(repository, "node_modules"), join(copy, "node_modules"));
    const text = await readFile(join(copy, FILE), "utf8");
    if (text.split(SOUND).length !== 2) throw new Error(`${FILE} is not as this example expects it`);
    await writeFile(join(copy, FILE), text.replace(SOUND, DEFECT));

    // All of it ends with this program, so that no daemon is needed.
    await using runtime = await openRuntime({ type: "local", daemon: "never", workdir: copy }, options);
    await using tools = await createTools(runtime, { hooks, bash: { ci: true } });
    const said = await runAgent({ model, tools, task: TASK, print });
    return { text: said, difference: execFileSync("git", ["diff"], { cwd: copy, encoding: "utf8" }) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * What a model might do without knowing the defect: it runs the test, sees which code it is about, and turns comparisons
 * there one after the other, taking back what does not help.
 */
export function* turnComparisons(): Script {
  let [ran] = yield [["bash", { command: COMMAND, description: "See the test fail" }]];
  if (!(failing(ran?.text) > 0)) return "I can't see the test fail.";
  const [test] = yield [["grep", { pattern: 'from "\\./', path: TEST }]];
  const file = test?.text.match(/from "\.\/([^"]+)"/)?.[1];
  if (file === undefined) return "I can't see which code the test is about.";
  const path = `${TEST.slice(0, TEST.lastIndexOf("/"))}/${file}`;
  const [found] = yield [
    ["grep", { pattern: " [!=]== ", path }],
    ["file_read", { path }],
  ];
  const lines = (found?.text ?? "").split("\n").flatMap((line) => {
    const code = line.match(/^[^:]+:\d+:(.*)$/)?.[1];
    return code === undefined ? [] : [code];
  });
  for (const line of lines) {
    const turned = line.replace(/ ([!=])== /, (_, sign) => (sign === "!" ? " === " : " !== "));
    const edit = (old_text: string, new_text: string) =>
      ["file_edit", { path, edits: [{ old_text, new_text }] }] as const;
    const [edited, now] = yield [edit(line, turned), ["bash", { command: COMMAND }]];
    if (edited?.isError === true) continue;
    ran = now;
    if (failing(ran?.text) === 0) return `Mended in ${path}: ${turned.trim()}`;
    yield [edit(turned, line)];
  }
  return "I could not mend it.";
}

function failing(text: string | undefined): number {
  return Number(text?.match(/^. fail (\d+)$/m)?.[1] ?? Number.NaN);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { repository: { type: "string" }, model: { type: "string" } } });
  try {
    const model = chosenModel(values.model, () => scriptedModel(turnComparisons()));
    const repository = values.repository ?? join(import.meta.dirname, "../..");
    const { text, difference } = await mend(repository, model, (said) => process.stderr.write(said));
    console.log(
      difference === "" ? `${text}\n(the code is as it was before the defect)` : `${text}\n${difference}`,
    );
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
