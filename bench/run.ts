// `npm run bench`: one run, side by side with what users would pick instead. Writes docs/benchmarks.md.
// With words (`npm run bench -- --quick ssh:warm`) it runs only the parts whose names begin with one, and writes nothing.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { benchDocker } from "./docker.ts";
import { benchEvents } from "./events.ts";
import { benchPage } from "./page.ts";
import type { Bench, Row } from "./report.ts";
import { benchRunner } from "./runner/index.ts";
import { benchSsh } from "./ssh.ts";
import { benchGrep } from "./tools-grep.ts";
import { benchToolsLayer } from "./tools-layer.ts";
import { benchMcp } from "./tools-mcp.ts";
import { benchWorkspaces } from "./workspaces.ts";

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const quick = process.argv.includes("--quick");
const rows: { readonly part: string; readonly row: Row }[] = [];

function bench(part: string): Bench {
  return {
    quick,
    turns: quick ? 10 : 60,
    wanted: (group) => words.length === 0 || words.some((word) => `${part}:${group}`.startsWith(word)),
    report: (work, target, seen, met) => {
      rows.push({ part, row: { work, target, seen, met } });
      process.stdout.write(`${met ? "met   " : "MISSED"}  ${work}: ${seen} (to reach: ${target})\n`);
    },
  };
}

await benchRunner(bench("runner"));
await benchEvents(bench("events"));
await benchToolsLayer(bench("tools"));
await benchMcp(bench("tools"));
await benchGrep(bench("tools"));
await benchPage(bench("page"));
const docker = bench("docker");
const engineVersion = docker.wanted("") ? await benchDocker(docker) : "";
const sshVersion = await benchSsh(bench("ssh"));
const gitVersion = await benchWorkspaces(bench("workspaces"));
if (words.length === 0) writeFileSync(join(import.meta.dirname, "../docs/benchmarks.md"), page());

function table(part: string): string {
  const lines = rows
    .filter((entry) => entry.part === part)
    .map(({ row }) => `| ${row.work} | ${row.target} | ${row.seen} | ${row.met ? "yes" : "**no**"} |`);
  return `| work | to reach | seen | reached |\n| --- | --- | --- | --- |\n${lines.join("\n")}`;
}

function page(): string {
  const why = readFileSync(join(import.meta.dirname, "why.md"), "utf8");
  return `# Benchmarks

Written by \`npm run bench\`: one run, each way measured in turns with the others, medians. Timings differ from machine
to machine and from run to run; the ratios are what counts.

Machine: ${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}, Docker engine ${engineVersion}, ${sshVersion}, ${gitVersion}, ${new Date().toISOString().slice(0, 10)}.

## Containers

${table("docker")}

## SSH

Beside OpenSSH's \`ssh\` with ControlMaster and the package ssh2 used plainly, all to the same sshd with its default limits; the
delay is that of a proxy in front of it.

${table("ssh")}

## Workspaces

Beside git itself doing the same. Round trips are counted: what ${"`create`"} takes longer with the delay than without, divided by it; with
a connection that stands, as the second workspace of a program finds it.

${table("workspaces")}

## Runner

The same commands by the runner's API over one kept connection, by the library, and by \`docker exec\`; viewers are WebSockets in a
process of their own.

${table("runner")}

## Page

In Chromium without a screen and without a graphics processor, on the same processors as the runner, the place and the output's producer.

${table("page")}

## Tools for agents

${table("tools")}

## Events

The calls come from another process, four at a time; the events are made in the runner. Durable means that
the disk has said so.

${table("events")}

${why}`;
}
