import { glob, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";

/** A host that the user's ssh configuration names. */
export interface SshHostEntry {
  /** What `ssh` and `ssh://` take. */
  readonly alias: string;
  /** Where it stands. */
  readonly file: string;
  readonly line: number;
  /** As its own blocks say, what patterns add left out; undefined where they don't. */
  readonly hostname?: string;
  readonly user?: string;
  readonly port?: number;
}

export interface ListSshHostsOptions {
  /** In place of the user's and the system's configuration, as `ssh -F`. */
  readonly configFile?: string | undefined;
  /** The account's own, not that of HOME: so does ssh. For tests. */
  readonly home?: string | undefined;
  readonly systemFile?: string | undefined;
}

/** As deep as ssh follows Include (READCONF_MAX_DEPTH of its readconf.c). */
const MAX_DEPTH = 16;

/**
 * The hosts that the user's ssh configuration names, each once, where it stands first; files of Include are followed,
 * wherever they stand. Patterns (`*`, `?`, `!`) name no host and are left out. Files that can't be read count as empty.
 */
export async function listSshHosts(options: ListSshHostsOptions = {}): Promise<SshHostEntry[]> {
  const home = options.home ?? userInfo().homedir;
  const own = join(home, ".ssh");
  const system = options.systemFile ?? "/etc/ssh/ssh_config";
  const found = new Map<string, Found>();

  /** @param base where relative names of Include start: that of the first file, not of the including one */
  // `block`: hosts that the lines are about, also in a file that is included in their block.
  async function read(file: string, base: string, depth: number, block: readonly Found[]): Promise<void> {
    const text = await readFile(file, "utf8").catch(() => "");
    let current = block;
    for (const [index, line] of text.split("\n").entries()) {
      const [name, ...words] = wordsOf(line);
      const keyword = name?.toLowerCase();
      if (keyword === "match") current = [];
      else if (keyword === "host") {
        const aliases = words.filter((word) => !/[*?!]/.test(word));
        for (const alias of aliases) {
          if (!found.has(alias)) found.set(alias, { alias, file, line: index + 1 });
        }
        current = aliases.flatMap((alias) => found.get(alias) ?? []);
      } else if (keyword === "include" && depth < MAX_DEPTH) {
        for (const word of words) {
          const pattern = word.startsWith("~/") ? join(home, word.slice(2)) : resolve(base, word);
          for (const included of await filesOf(pattern)) await read(included, base, depth + 1, current);
        }
      } else for (const host of current) note(host, keyword, words[0]);
    }
  }

  if (options.configFile !== undefined) await read(options.configFile, own, 0, []);
  else {
    await read(join(own, "config"), own, 0, []);
    await read(system, dirname(system), 0, []);
  }
  return [...found.values()];
}

type Found = { -readonly [Key in keyof SshHostEntry]: SshHostEntry[Key] };

/** What a line says of a host; of two lines about the same the first one counts. */
function note(host: Found, keyword: string | undefined, value: string | undefined): void {
  if (value === undefined) return;
  if (keyword === "hostname") {
    host.hostname ??= value.replace(/%([%h])/g, (_, token) => (token === "h" ? host.alias : "%"));
  } else if (keyword === "user") host.user ??= value;
  else if (keyword === "port" && /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535) {
    host.port ??= Number(value);
  }
}

/** Files that a pattern of Include names, in the order of their names. */
async function filesOf(pattern: string): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(pattern)) files.push(file);
  return files.sort();
}

/** Words of a line of ssh_config(5): `Keyword word "two words"`, `Keyword=word`; a comment has none. */
function wordsOf(line: string): string[] {
  const text = line.trim().replace(/^(\w+)\s*=\s*/, "$1 ");
  const words: string[] = [];
  for (const [word, quoted] of text.matchAll(/"([^"]*)"|[^\s"]+/g)) {
    if (quoted === undefined && word.startsWith("#")) break;
    words.push(quoted ?? word);
  }
  return words;
}
