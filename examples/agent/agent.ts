// An agent that does a task in a place of your choice:
//
//     node examples/agent/agent.ts [-r RUNTIME] [--model MODEL | --model mock] [TASK]
//
// RUNTIME is whatever Berth takes: local:, docker://web, docker-image:debian:12, ssh://box/srv/app, a name of berth.yaml.
import { parseArgs } from "node:util";
import type { LanguageModel } from "ai";
import { type OpenOptions, openRuntime, type RuntimeConfig } from "berth";
import { createTools } from "berth/tools";
import { chosenModel, runAgent } from "./loop.ts";
import { type Script, scriptedModel } from "./scripted.ts";

export const TASK =
  "Write primes.sh, a program for sh that prints the primes up to its argument in one line. " +
  "`sh primes.sh 20` has to print exactly: 2 3 5 7 11 13 17 19";

/** Opens the place, gives the model its tools, and lets it work. */
export async function agent(
  place: RuntimeConfig | string | undefined,
  model: LanguageModel,
  task: string,
  print: (text: string) => void,
  options: OpenOptions = {},
): Promise<string> {
  await using runtime = await openRuntime(place, options);
  await using tools = await createTools(runtime, { bash: { ci: true } });
  return await runAgent({ model, tools, task, print });
}

const PROGRAM = `n=1 primes=
while [ $n -le "$1" ]; do
  d=2 prime=yes
  while [ $((d * d)) -le $n ]; do
    [ $((n % d)) -ne 0 ] || prime=no
    d=$((d + 1))
  done
  [ $prime = no ] || primes="$primes $n"
  n=$((n + 1))
done
echo $primes
`;

/** What a model might do: it tries what it wrote, sees that 1 is not a prime, and mends it. */
export function* primes(): Script {
  const [where] = yield [
    ["bash", { command: "uname -sm; id -un" }],
    ["list", {}],
  ];
  yield [["file_write", { path: "primes.sh", content: PROGRAM }]];
  for (;;) {
    const [ran] = yield [["bash", { command: "sh primes.sh 20", description: "Try the program" }]];
    const line = ran?.text.split("\n")[0];
    if (line === "2 3 5 7 11 13 17 19") {
      return `primes.sh is written and prints what it should, here: ${where?.text.split("\n").slice(0, 2).join(", ")}`;
    }
    if (line?.startsWith("1 ") !== true) return `I could not do it: ${ran?.text}`;
    const [edited] = yield [
      ["file_edit", { path: "primes.sh", edits: [{ old_text: "n=1 primes=", new_text: "n=2 primes=" }] }],
    ];
    if (edited?.isError === true) return `I could not do it: ${edited.text}`;
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { runtime: { type: "string", short: "r" }, model: { type: "string" } },
    allowPositionals: true,
  });
  const print = (text: string) => process.stderr.write(text);
  try {
    const model = chosenModel(values.model, () => scriptedModel(primes()));
    console.log(await agent(values.runtime, model, positionals.join(" ") || TASK, print));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
