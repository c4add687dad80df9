import type { Command } from "commander";
import { findBerthFile } from "../../runtimes/find-berth-file.ts";
import { availableKinds } from "../../runtimes/kinds.ts";
import { printJson, table } from "../print.ts";

export function addRuntimesCommand(program: Command): void {
  program
    .command("runtimes")
    .description("list the runtimes of berth.yaml and the kinds that this machine offers")
    .option("--json", "as JSON")
    .action(async (flags: { json?: boolean }) => {
      const file = await findBerthFile(process.cwd());
      const named = [...(file?.runtimes ?? [])].map(([name, config]) => ({
        name,
        default: file?.defaultName === name,
        config,
      }));
      const later = [...(file?.later ?? [])].map(([name, { type, value }]) => ({
        name,
        default: file?.defaultName === name,
        type,
        value,
      }));
      const kinds = await availableKinds();
      if (flags.json) {
        printJson({ file: file?.path ?? null, runtimes: named, later, kinds });
        return;
      }
      if (named.length + later.length > 0) {
        const rows = [
          ...named.map(({ config, ...rest }) => ({ ...rest, type: config.type, where: target(config) })),
          ...later.map((runtime) => ({ ...runtime, where: "not of this version of Berth" })),
        ].map(({ name, type, default: isDefault, where }) => [name, type, isDefault ? "default" : "", where]);
        process.stdout.write(`${table([["NAME", "TYPE", "", "WHERE"], ...rows])}\n`);
      }
      process.stdout.write(
        table([
          ["KIND", "AVAILABLE", ""],
          ...kinds.map((kind) => [kind.type, kind.available ? "yes" : "no", kind.detail]),
        ]),
      );
      if (file === undefined)
        process.stderr.write("No berth.yaml from here upwards: docs/cli.md shows how runtimes get names.\n");
    });
}

function target(config: { readonly [key: string]: unknown }): string {
  if (typeof config.url === "string") return `${config.url} ${config.workspace}`;
  if (typeof config.host === "string") {
    const address = config.host.includes(":") ? `[${config.host}]` : config.host;
    const user = config.user === undefined ? "" : `${config.user}@`;
    const port = config.port === undefined ? "" : `:${config.port}`;
    return [`${user}${address}${port}`, config.workdir].filter(Boolean).join(" ");
  }
  const where = config.containerId ?? config.image ?? "";
  return [where, config.workdir].filter(Boolean).join(" ");
}
