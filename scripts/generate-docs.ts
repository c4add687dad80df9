// What follows from the code: docs/errors.md, docs/api.md, the references in docs/cli.md and docs/berth-yaml.md, the JSON
// Schema of berth.yaml, and the types of the client. With --check nothing is written and a page that is behind fails.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, Help, type Option } from "commander";
import { openApiDocument } from "../src/api/document.ts";
import { buildProgram } from "../src/cli/main.ts";
import { addContainerOptions, addPlaceOptions } from "../src/cli/options.ts";
import { addSshOptions } from "../src/cli/ssh-options.ts";
import { ERROR_REGISTRY } from "../src/contract/error-registry.ts";
import { EVENT_TYPES } from "../src/contract/event-types.ts";
import { metricsTable } from "../src/runner/observe/metric-table.ts";
import { clientTypes } from "./api/client-types.ts";
import { apiPage } from "./api/page.ts";
import { berthFileJsonSchema, berthFileSchemaText, SCHEMA_PATH } from "./schema/berth-file.ts";
import { berthFileReference } from "./schema/reference.ts";

const root = join(import.meta.dirname, "..");
const check = process.argv.includes("--check");
let behind = 0;

function page(path: string, text: string): void {
  const full = join(root, path);
  let before = "";
  try {
    before = readFileSync(full, "utf8");
  } catch {
    // A page that is not there yet is behind.
  }
  if (before === text) return;
  if (check) {
    behind += 1;
    process.stderr.write(`${path} is behind the code: npm run docs\n`);
  } else {
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    process.stdout.write(`${path} written\n`);
  }
}

function errors(): string {
  const groups = new Map<string, [string, (typeof ERROR_REGISTRY)[keyof typeof ERROR_REGISTRY]][]>();
  for (const [code, entry] of Object.entries(ERROR_REGISTRY)) {
    const group = code.includes(".")
      ? (code.split(".")[0] ?? "")
      : /^E[A-Z]/.test(code)
        ? "files (errno names)"
        : "general";
    groups.set(group, [...(groups.get(group) ?? []), [code, entry]]);
  }
  const sections = [...groups].map(([group, rows]) => {
    const lines = rows.map(
      ([code, entry]) =>
        `| \`${code}\` | ${cell(entry.message)} | ${cell(entry.hint)} | ${entry.retryable ? "yes" : ""} |`,
    );
    return `## ${group}\n\n| code | what happened | what to do | worth a retry |\n| --- | --- | --- | --- |\n${lines.join("\n")}\n`;
  });
  return `# Error codes\n\nGenerated from the registry in \`src/contract/error-registry.ts\` by \`npm run docs\`. Words in braces are filled in\nwhen the error is thrown. \`isBerthError(error, "code")\` tests for one.\n\n${sections.join("\n")}`;
}

function cell(text: string): string {
  return text.replace(/\|/g, "\\|");
}

function eventTypes(): string {
  const rows = Object.entries(EVENT_TYPES).map(
    ([type, { meaning, data }]) =>
      `| \`${type}\` | ${cell(meaning)} | ${data.map((field) => `\`${field}\``).join(", ")} |`,
  );
  return `| type | what happened | fields of \`data\` |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

/** Options that many words of the command line share: they stand once. */
const SHARED = [
  {
    title: "Place options, of every word that works in a place",
    anchor: "place options",
    add: addPlaceOptions,
  },
  {
    title: "SSH options, for hosts by SSH",
    anchor: "SSH options",
    add: addSshOptions,
  },
  {
    title: "Image options, for a container made from an image",
    anchor: "image options",
    add: addContainerOptions,
  },
] as const;

async function reference(): Promise<string> {
  const program = await buildProgram();
  const groups = SHARED.map(({ title, anchor, add }) => ({
    title,
    anchor,
    options: add(new Command()).options,
  }));
  const tables = groups.map(({ title, options }) => `### ${title}\n${optionTable(options)}`);
  const words = program.commands
    .filter((command) => !command.name().startsWith("_"))
    .flatMap((command) => (command.commands.length > 0 ? command.commands : [command]))
    .map((command) => section(command, groups));
  return [...tables, ...words].join("\n");
}

const AND = new Intl.ListFormat("en-GB");

type Groups = readonly { readonly anchor: string; readonly options: readonly Option[] }[];

function section(command: Command, groups: Groups): string {
  const parent = command.parent?.parent ? [command.parent.name()] : [];
  const words = command.registeredArguments.map((argument) =>
    argument.variadic ? `${argument.name()}…` : argument.name(),
  );
  const has = (option: Option): boolean => command.options.some(({ flags }) => flags === option.flags);
  const shared = groups.filter(({ options }) => options.every(has));
  const own = command.options.filter(
    ({ flags }) => !shared.some(({ options }) => options.some((option) => option.flags === flags)),
  );
  const also = shared.length === 0 ? "" : ` Takes the ${AND.format(shared.map(({ anchor }) => anchor))}.`;
  const title = [...parent, command.name(), ...words.map((word) => `<${word}>`)].join(" ");
  const alias = !command.alias() ? "" : ` Also \`${command.alias()}\`.`;
  return `### \`berth ${title}\`\n\n${command.description()}.${alias}${also}\n${optionTable(own)}`;
}

function optionTable(options: readonly Option[]): string {
  const help = new Help();
  const rows = options.map(
    (option) => `| \`${cell(option.flags)}\` | ${cell(help.optionDescription(option))} |`,
  );
  return rows.length === 0 ? "" : `\n| option | meaning |\n| --- | --- |\n${rows.join("\n")}\n`;
}

function between(path: string, marker: string, text: string): string {
  const page = readFileSync(join(root, path), "utf8");
  const start = `<!-- ${marker}: written by npm run docs -->`;
  const end = `<!-- /${marker} -->`;
  const from = page.indexOf(start);
  const to = page.indexOf(end);
  if (from === -1 || to === -1) throw new Error(`${path} has no ${start} … ${end}`);
  return `${page.slice(0, from + start.length)}\n\n${text}\n${page.slice(to)}`;
}

/** As the linter wants it. */
function formatted(path: string, source: string): string {
  const biome = join(root, "node_modules", ".bin", "biome");
  return execFileSync(biome, ["check", "--write", `--stdin-file-path=${path}`], {
    cwd: root,
    input: source,
    encoding: "utf8",
  });
}

page("docs/errors.md", errors());
page("docs/cli.md", between("docs/cli.md", "reference", await reference()));
page("docs/events.md", between("docs/events.md", "types", eventTypes()));
page("docs/observability.md", between("docs/observability.md", "metrics", metricsTable()));
page(SCHEMA_PATH, berthFileSchemaText());
const fields = berthFileReference(berthFileJsonSchema());
page("docs/berth-yaml.md", between("docs/berth-yaml.md", "reference", fields));
page("docs/api.md", apiPage(openApiDocument()));
page("src/client/schema.ts", formatted("src/client/schema.ts", clientTypes(openApiDocument())));
if (behind > 0) process.exit(1);
