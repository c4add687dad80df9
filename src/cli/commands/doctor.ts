import { access, constants, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import { toBerthError } from "../../contract/errors.ts";
import { VERSION } from "../../contract/version.ts";
import { findBerthFile } from "../../runtimes/find-berth-file.ts";
import { availableKinds } from "../../runtimes/kinds.ts";
import { findPayload } from "../../runtimes/payload.ts";
import { PAYLOAD_PLATFORMS } from "../../runtimes/payload-manifest.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { formatBytes, printJson, table, visible } from "../print.ts";
import { Progress } from "../progress.ts";
import { tryRuntimes } from "../try-runtimes.ts";

const LOW_SPACE_BYTES = 1024 ** 3;

/** `warn`: works, but something is worth knowing; `fail`: something has to be mended. */
interface Finding {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly hint?: string;
}

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("look at this installation and at what this machine offers")
    .option("--try", "then run one real command in every kind of runtime that is there")
    .option("--json", "as JSON")
    .action(async (flags: { try?: boolean; json?: boolean }) => {
      const findings = await examine();
      if (!flags.json) process.stdout.write(render(findings));
      const tried = flags.try
        ? await tryRuntimes((line) => flags.json || process.stdout.write(line))
        : undefined;
      if (flags.json) printJson({ findings, ...(tried === undefined ? {} : { tried }) });
      const bad =
        findings.some((finding) => finding.state === "fail") ||
        tried?.some((entry) => entry.error !== undefined);
      process.exitCode = bad ? 1 : 0;
    });
}

export async function examine(): Promise<Finding[]> {
  return [
    {
      name: "berth",
      state: "ok",
      detail: `${VERSION} on Node ${process.versions.node}, ${process.platform}-${process.arch}`,
    },
    ...(await payloads()),
    await state(),
    ...(await kinds()),
    await project(),
    ...(await workspaces()),
  ];
}

async function payloads(): Promise<Finding[]> {
  return Promise.all(
    PAYLOAD_PLATFORMS.map(async (platform): Promise<Finding> => {
      try {
        const payload = await findPayload(platform);
        const { nodeVersion, id } = payload.manifest;
        return {
          name: `payload ${platform}`,
          state: "ok",
          detail: `${id.slice(0, 16)}, Node ${nodeVersion}`,
        };
      } catch (cause) {
        const error = toBerthError(cause, "client");
        const own = platform === `${process.platform}-${process.arch}`;
        return {
          name: `payload ${platform}`,
          state: own ? "fail" : "warn",
          detail: error.message,
          hint: error.hint,
        };
      }
    }),
  );
}

async function state(): Promise<Finding> {
  const path = stateDirectoryPath();
  for (let directory = path; ; directory = dirname(directory)) {
    try {
      await access(directory, constants.W_OK);
      const { bavail, bsize } = await statfs(directory);
      const free = bavail * bsize;
      const detail = `${path}, ${formatBytes(free)} free`;
      return free < LOW_SPACE_BYTES
        ? {
            name: "state",
            state: "warn",
            detail,
            hint: "Output of processes is kept there; free some space or set BERTH_HOME.",
          }
        : { name: "state", state: "ok", detail };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT" && dirname(directory) !== directory) continue;
      return {
        name: "state",
        state: "fail",
        detail: `${path} is not writable`,
        hint: "Set BERTH_HOME to a directory of yours.",
      };
    }
  }
}

async function kinds(): Promise<Finding[]> {
  const found = await availableKinds();
  return found.map((kind) => ({
    name: kind.type,
    state: kind.available && kind.hint === undefined ? "ok" : "warn",
    detail: kind.detail,
    ...(kind.hint === undefined ? {} : { hint: kind.hint }),
  }));
}

async function project(): Promise<Finding> {
  try {
    const file = await findBerthFile(process.cwd());
    if (file === undefined)
      return { name: "berth.yaml", state: "ok", detail: "none from here upwards: the runtime is local" };
    const names = [...file.runtimes.keys()].join(", ") || "no runtimes";
    const detail = `${file.path}: ${names}${file.defaultName === undefined ? "" : `; default ${file.defaultName}`}`;
    const later = [...file.later].map(([name, { type }]) => `${name} (${type})`);
    if (later.length === 0) return { name: "berth.yaml", state: "ok", detail };
    return {
      name: "berth.yaml",
      state: "warn",
      detail: `${detail}; of types that this version does not have: ${later.join(", ")}`,
      hint: "They can't be used; the others can.",
    };
  } catch (cause) {
    const error = toBerthError(cause, "client");
    return { name: "berth.yaml", state: "fail", detail: error.message, hint: error.hint };
  }
}

/** Looks into every place; one that does not answer takes its time. */
async function workspaces(): Promise<Finding[]> {
  using progress = new Progress({ quiet: false });
  progress.update("looking at the workspaces");
  try {
    const { existingWorkspaces } = await import("../workspaces.ts");
    const seen = await existingWorkspaces(async (all) => ({
      found: await all.doctor(),
      count: (await all.list()).length,
    }));
    if (seen === undefined) return [];
    const findings = seen.found.map(
      ({ workspace, problem, remedy }): Finding => ({
        name: `workspace ${workspace}`,
        state: "warn",
        detail: problem,
        hint: remedy,
      }),
    );
    if (findings.length > 0) return findings;
    return [{ name: "workspaces", state: "ok", detail: String(seen.count) }];
  } catch (cause) {
    const error = toBerthError(cause, "client");
    return [{ name: "workspaces", state: "fail", detail: error.message, hint: error.hint }];
  }
}

function render(findings: readonly Finding[]): string {
  const rows = findings.flatMap((finding) => [
    [finding.state, finding.name, visible(finding.detail)],
    ...(finding.hint === undefined ? [] : [["", "", `→ ${visible(finding.hint)}`]]),
  ]);
  return table(rows);
}
