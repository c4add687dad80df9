import { createHash } from "node:crypto";
import { hostname as thisHostname } from "node:os";
import { join } from "node:path";

/** What `ssh -G` prints: for every keyword, in lower case, its lines in order. */
export type SshConfigOutput = ReadonlyMap<string, readonly string[]>;

/** Takes the output of `ssh -G` apart. */
export function parseSshConfigOutput(text: string): SshConfigOutput {
  const options = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const blank = line.indexOf(" ");
    if (blank <= 0) continue;
    const keyword = line.slice(0, blank).toLowerCase();
    const values = options.get(keyword) ?? [];
    values.push(line.slice(blank + 1));
    options.set(keyword, values);
  }
  return options;
}

/** What the % tokens of a path stand for (ssh_config(5), TOKENS). */
export interface TokenContext {
  /** Home directory of the account. */
  readonly home: string;
  readonly localUser: string;
  readonly userId: number;
  /** As it was asked for. */
  readonly alias: string;
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  readonly proxyJump: string | undefined;
  readonly hostKeyAlias: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * A path of the ssh configuration as ssh would open it: `~`, % tokens and ${VARIABLE} are replaced.
 * @returns undefined where it holds a token that does not exist or a variable that is not set: ssh refuses these
 */
export function expandPath(path: string, context: TokenContext): string | undefined {
  let valid = true;
  const value = (found: string | undefined): string => {
    if (found === undefined) valid = false;
    return found ?? "";
  };
  // In one pass: what a value holds is not looked at again.
  const expanded = path.replace(/%(.?)|\$\{([^}]*)\}/g, (_, token: string | undefined, name: string) =>
    value(token === undefined ? context.environment[name] : tokenValue(token, context)),
  );
  if (!valid) return undefined;
  if (expanded === "~" || expanded.startsWith("~/")) return join(context.home, expanded.slice(1));
  return expanded;
}

function tokenValue(token: string, context: TokenContext): string | undefined {
  const machine = thisHostname();
  switch (token) {
    case "%":
      return "%";
    case "d":
      return context.home;
    case "h":
      return context.hostname;
    case "i":
      return String(context.userId);
    case "j":
      return context.proxyJump ?? "";
    case "k":
      return context.hostKeyAlias ?? context.alias;
    case "L":
      return machine.split(".")[0] ?? machine;
    case "l":
      return machine;
    case "n":
      return context.alias;
    case "p":
      return String(context.port);
    case "r":
      return context.user;
    case "u":
      return context.localUser;
    case "C": {
      const { hostname, port, user, proxyJump = "" } = context;
      return createHash("sha1").update(`${machine}${hostname}${port}${user}${proxyJump}`).digest("hex");
    }
    default:
      return undefined;
  }
}

/**
 * The paths of a line on which `ssh -G` prints several without quotes, blanks in them included: a path that
 * follows another starts with / or ~.
 */
export function splitPaths(line: string): string[] {
  const paths = line.split(/\s+(?=[/~])/).filter((path) => path !== "");
  return paths.length === 1 && paths[0]?.toLowerCase() === "none" ? [] : paths;
}
