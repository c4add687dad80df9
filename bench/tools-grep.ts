import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Runtime } from "../src/contract/runtime.ts";
import { openRuntime } from "../src/runtimes/open.ts";
import { createTools } from "../src/tools/create.ts";
import { dockerEngine } from "../test/fixtures/docker.ts";
import { image } from "../test/fixtures/images.ts";
import { ensurePackages } from "../test/fixtures/install.ts";
import { inTurns } from "./measure.ts";
import { type Bench, ms } from "./report.ts";
import { exitsZero } from "./ways.ts";

const FILES = 100_000;
const TREE = "/bench-tree";
/** Files of about 2 KiB in directories of 100; one in 10,000 has the line that is looked for. */
const MAKE = `for d in $(seq 0 ${FILES / 100 - 1}); do echo ${TREE}/$((d / 50))/$d; done | xargs mkdir -p
awk 'BEGIN {
for (l = 0; l < 40; l++) text = text "const value" l " = compute(argument" l ", " l ");\\n"
for (i = 0; i < ${FILES}; i++) {
file = "${TREE}/" int(i / 5000) "/" int(i / 100) "/f" i ".ts"
printf "%s%s", text, i % 10000 == 0 ? "const needle" i " = found();\\n" : "" > file
close(file)
}
}'`;

/** `grep` over many files in a container, with ripgrep there and without, beside ripgrep run there by hand. */
export async function benchGrep({ report, wanted, quick }: Bench): Promise<void> {
  if (!wanted("grep")) return;
  const state = await mkdtemp(join(tmpdir(), "berth-bench-"));
  try {
    await ensurePackages(["ripgrep"]);
    const { cliEnv } = await dockerEngine();
    Object.assign(process.env, cliEnv);
    const config = { type: "docker", image: await image("debian"), pull: "never" } as const;
    await using bare = await openRuntime(config, { stateDirectory: state });
    await using equipped = await openRuntime(config, { stateDirectory: state });
    await equipped.fs.upload("/usr/bin/rg", "/usr/local/bin/rg");
    await equipped.fs.chmod("/usr/local/bin/rg", 0o755);
    for (const runtime of [bare, equipped]) await exitsZero(runtime.exec(MAKE, { timeoutMs: 300_000 }));
    await using ownTools = await toolsOf(bare);
    await using tools = await toolsOf(equipped);
    for (const [what, pattern] of [
      ["a word", "needle"],
      ["an expression", "need[a-z]+\\d{4}"],
    ] as const) {
      const grep = (from: typeof tools, engine: string) => async () => {
        const { isError, output } = await from.call("grep", { pattern });
        const found = output as { readonly files: readonly unknown[]; readonly engine: string };
        if (isError || found.engine !== engine || found.files.length < 9)
          throw new Error(JSON.stringify(output));
      };
      const seen = await inTurns(
        {
          byHand: () => exitsZero(equipped.exec(`rg -n '${pattern}' ${TREE}`)),
          ripgrep: grep(tools, "ripgrep"),
          own: grep(ownTools, "berth"),
        },
        quick ? 3 : 7,
        1,
      );
      const ratio = seen.ripgrep / seen.byHand;
      report(
        `\`grep\` for ${what} over ${FILES.toLocaleString("en")} files in a container that has ripgrep, beside \`rg\` by \`exec\``,
        "≤ 1.2×",
        `${ratio.toFixed(2)}× (rg ${ms(seen.byHand)}, tool ${ms(seen.ripgrep)}; in one without ripgrep ${ms(seen.own)})`,
        ratio <= 1.2,
      );
    }
  } finally {
    await rm(state, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

function toolsOf(runtime: Runtime) {
  return createTools(runtime, { root: TREE });
}
