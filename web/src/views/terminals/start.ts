import type { RunnerClient } from "../../../../src/client/index.ts";
import type { Process } from "../../state/store.ts";
import type { Size } from "./emulator.ts";
import { freeName } from "./words.ts";

export interface WantedTerminal {
  /** undefined: the user's login shell. */
  readonly command?: string | readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly cwd?: string | undefined;
  readonly user?: string | undefined;
}

/** Starts a terminal in the place. It runs until it ends, whoever looks. @throws what the runner says */
export async function startTerminal(
  client: RunnerClient,
  workspace: string,
  { command, name, cwd, user }: WantedTerminal,
  { size, known }: { readonly size: Size; readonly known: readonly Process[] },
): Promise<Process> {
  const params = { path: { workspace } };
  const common = {
    detached: true,
    tty: { columns: size.columns, rows: size.rows },
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
  };
  if (command === undefined) {
    const body = { ...common, name: freeName(name ?? "shell", known) };
    return await client.post("/v1/workspaces/{workspace}/shells", { params, body });
  }
  const body = {
    ...common,
    command: typeof command === "string" ? command : [...command],
    ...(name === undefined ? {} : { name: freeName(name, known) }),
  };
  return await client.post("/v1/workspaces/{workspace}/processes", { params, body });
}

/** Again what has ended: the same command in the same directory. */
export function again({ command, name, cwd, user }: Process): WantedTerminal {
  return { command, cwd, name: name?.replace(/-\d+$/, ""), user: user ?? undefined };
}

/** What a terminal in this room will be about: it is told exactly once it is there. */
export function estimatedSize(room: HTMLElement | null, fontSize: number): Size {
  const context = document.createElement("canvas").getContext("2d");
  if (room === null || context === null || room.clientWidth === 0) return { columns: 80, rows: 24 };
  context.font = `${fontSize}px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
  const { width } = context.measureText("W".repeat(20));
  const columns = Math.floor(((room.clientWidth - 24) * 20) / Math.max(1, width));
  const rows = Math.floor((room.clientHeight - 40) / (fontSize * 1.2));
  return { columns: Math.min(500, Math.max(20, columns)), rows: Math.min(200, Math.max(5, rows)) };
}
