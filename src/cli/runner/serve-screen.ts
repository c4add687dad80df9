import { readFileSync } from "node:fs";
import { homedir } from "node:os";

/** A runner that listens, as it introduces itself. */
export interface Listening {
  /** Where programs of this machine reach it. */
  readonly url: string;
  /** Where others do, if that is elsewhere. */
  readonly publicUrl: string | undefined;
  readonly pid: number;
  readonly version: string;
  readonly tokenFile: string;
  /** The process that it took over from. */
  readonly replaced: number | undefined;
}

/** What it is, and what to do next. The token itself only when it is asked for. */
export function introduction(listening: Listening, options: { readonly showToken: boolean }): string {
  const { url, publicUrl, pid, version, tokenFile, replaced } = listening;
  const shown = publicUrl ?? url;
  const token = options.showToken ? readFileSync(tokenFile, "utf8").trim() : undefined;
  const tookOver = replaced === undefined ? "" : `, took over from process ${replaced}`;
  const rows: readonly (readonly [string, string])[] = [
    ["the page", "berth open"],
    ["token", token ?? `in ${shortened(tokenFile)}, which only you can read`],
    ["in a project", "berth workspace create fix-login"],
    ["", "berth exec -w fix-login -- npm test"],
    ["what happens", "berth top    berth events -f"],
    ["from elsewhere", `berth login ${shown}`],
    [
      "by HTTP",
      `curl -H "Authorization: Bearer $(cat ${quoted(shortened(tokenFile))})" ${shown}/v1/workspaces`,
    ],
    ["the whole API", `${shown}/v1/docs`],
  ];
  const lines = rows.map(([name, text]) => `  ${name.padEnd(16)}${text}`);
  return `Berth ${version} listens on ${shown} (process ${pid}${tookOver})\n\n${lines.join("\n")}\n`;
}

/** As a shell takes it, where the tilde has to stay outside of quotes. */
function quoted(path: string): string {
  if (/^[\w~./-]+$/.test(path)) return path;
  return `'${path.replace(/^~/, homedir()).replaceAll("'", "'\\''")}'`;
}

function shortened(path: string): string {
  const home = homedir();
  return home.length > 1 && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
