import type { Command } from "commander";
import { parseRuntimeConfig, type SshConfig } from "../../contract/config.ts";
import { FINGERPRINT } from "../../contract/config-ssh.ts";
import { findBerthFile } from "../../runtimes/find-berth-file.ts";
import { type CleanReport, cleanSsh } from "../../runtimes/ssh/clean.ts";
import { showHostKey, trustHostKey } from "../../runtimes/ssh/trust.ts";
import { listSshHosts } from "../../transports/ssh/hosts.ts";
import { typeForPeople } from "../../transports/ssh/known-hosts.ts";
import { listMasters } from "../../transports/ssh/openssh/list-masters.ts";
import { socketDirectoryPath } from "../../transports/ssh/openssh/socket-directory.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import { usageError } from "../errors.ts";
import { formatBytes, printJson, table, visible } from "../print.ts";
import { askLine, canAsk } from "../prompt.ts";
import { addSshOptions, ownPath, type SshOptions, sshFields } from "../ssh-options.ts";
import { whileOpening } from "../while-opening.ts";

interface HostFlags extends SshOptions {
  readonly stateDir?: string;
  readonly baseDir?: string;
  readonly json?: boolean;
}

export function addSshCommand(program: Command): void {
  const ssh = program
    .command("ssh")
    .description("hosts by SSH: their keys, what Berth left there, who they are");
  addTrust(ssh);
  addClean(ssh);
  addHosts(ssh);
  addStatus(ssh);
}

function addHostOptions(command: Command): Command {
  return command
    .option("--ssh-config <file>", "in place of the user's ssh configuration")
    .option("--known-hosts <file>", "keys of hosts, in place of the user's known_hosts");
}

function hostConfig(host: string, flags: HostFlags): SshConfig {
  const { stateDir, baseDir } = flags;
  const directories = {
    ...(stateDir === undefined ? {} : { stateDir }),
    ...(baseDir === undefined ? {} : { baseDir }),
  };
  const config = { type: "ssh", host, ...sshFields(flags), ...directories };
  return parseRuntimeConfig(config, "command line") as SshConfig;
}

interface TrustFlags extends HostFlags {
  readonly fingerprint?: string;
}

function addTrust(ssh: Command): void {
  addHostOptions(
    ssh
      .command("trust")
      .description("show the key of a host and record it as known, in the user's known_hosts as ssh would")
      .argument("<host>", "host name, alias of ~/.ssh/config, user@host:port or ssh:// URI"),
  )
    .option("--fingerprint <SHA256:…>", "record it only if it has this fingerprint, and ask nobody")
    .option("--json", "print what was recorded as JSON; asks nobody")
    .addHelpText("after", "\nA changed key is refused; the error says how to remove the old one.")
    .action(async (host: string, flags: TrustFlags) => {
      process.exitCode = await trust(host, flags);
    });
}

async function trust(host: string, flags: TrustFlags): Promise<number> {
  const wanted = flags.fingerprint;
  if (wanted !== undefined && !FINGERPRINT.test(wanted)) {
    throw usageError(
      "the fingerprint is not one",
      "It is SHA256: and 43 letters, as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it on the host.",
    );
  }
  if (wanted === undefined && (flags.json || !canAsk())) {
    throw usageError(
      "nobody is here to compare the fingerprint",
      "Give the host's own by --fingerprint SHA256:…, or run it in a terminal.",
    );
  }
  const shown = await showHostKey(hostConfig(host, flags));
  const { target, status } = shown;
  if (!flags.json) {
    const address = `${target.hostname} port ${target.port}`;
    process.stdout.write(
      `${visible(target.name)} (${visible(address)}) shows its key\n  ${typeForPeople(shown.key.type)} ${shown.fingerprint}\n`,
    );
  }
  if (wanted === undefined && status === "unknown") {
    process.stdout.write(
      "It is not known yet. The host's own is what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints there\n(or the file of another type).\n",
    );
    const answer = (await askLine("Are they the same? (yes, no, or the host's own fingerprint) "))?.trim();
    if (answer !== "yes" && answer !== shown.fingerprint) {
      process.stdout.write("Nothing was recorded.\n");
      return 1;
    }
  }
  const trusted = await trustHostKey(shown, wanted);
  const { file, added } = trusted;
  if (flags.json) printJson(trusted);
  else process.stdout.write(added ? `Recorded in ${file}\n` : `It is known already, by ${file}\n`);
  return 0;
}

interface CleanFlags extends HostFlags {
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
}

function addClean(ssh: Command): void {
  addSshOptions(
    ssh
      .command("clean")
      .description("remove from a host what Berth put there; workspaces stay and are named")
      .argument("<host>", "host name, alias of ~/.ssh/config, user@host:port or ssh:// URI"),
  )
    .option("--state-dir <directory>", "the stateDir of the configuration, if it has one")
    .option("--base-dir <directory>", "the baseDir of the configuration, if it has one")
    .option("--force", "end daemons whose processes still run, and these")
    .option("-y, --yes", "don't ask")
    .option("--dry-run", "only say what would be removed")
    .option("-q, --quiet", "no progress and no questions on the terminal")
    .option("--json", "as JSON; asks nobody")
    .action(async (host: string, flags: CleanFlags) => {
      process.exitCode = await clean(host, flags);
    });
}

async function clean(host: string, flags: CleanFlags): Promise<number> {
  const config = hostConfig(host, flags);
  const force = flags.force ?? false;
  const look = (dryRun: boolean): Promise<CleanReport> =>
    whileOpening(flags, (options) => cleanSsh(config, { ...options, force, dryRun }));
  const ask = flags.yes !== true && flags.dryRun !== true;
  if (ask && (flags.json || flags.quiet || !canAsk())) {
    throw usageError("nobody is here to say yes", "Give --yes, or --dry-run to see what would be removed.");
  }
  if (ask) {
    const plan = await look(true);
    process.stdout.write(renderClean(plan, "would be removed"));
    if (plan.removed.length === 0) return exitCodeOfClean(plan);
    const answer = (await askLine(`Remove this from ${visible(plan.host)}? (yes, no) `))?.trim();
    if (answer !== "yes" && answer !== "y") {
      process.stdout.write("Nothing was removed.\n");
      return 1;
    }
  }
  const report = await look(flags.dryRun ?? false);
  if (flags.json) printJson(report);
  else process.stdout.write(renderClean(report, flags.dryRun ? "would be removed" : "removed"));
  return exitCodeOfClean(report);
}

/** A daemon that stays with its processes, or what it was started from, is worth a script's notice. */
function exitCodeOfClean({ kept }: CleanReport): number {
  return kept.some(({ kind }) => kind === "daemon" || kind === "payload") ? 1 : 0;
}

function renderClean({ host, removed, kept }: CleanReport, verb: string): string {
  const rows = [
    ...removed.map(({ path, bytes }) => [verb, path, formatBytes(bytes)]),
    ...kept.map(({ path, reason }) => ["stays", path, reason]),
  ];
  return rows.length === 0 ? `Nothing of Berth is on ${visible(host)}\n` : table(rows);
}

function addHosts(ssh: Command): void {
  ssh
    .command("hosts")
    .description("list the aliases of the user's ssh configuration; patterns are left out")
    .option("--ssh-config <file>", "in place of the user's ssh configuration")
    .option("--json", "as JSON")
    .action(async (flags: HostFlags) => {
      const hosts = await listSshHosts(
        flags.sshConfig === undefined ? {} : { configFile: ownPath(flags.sshConfig) },
      );
      if (flags.json) printJson(hosts);
      else if (hosts.length === 0) process.stderr.write("No host has a name in ~/.ssh/config.\n");
      else {
        const rows = hosts.map(({ alias, file, line }) => [alias, `ssh://${alias}`, `${file}:${line}`]);
        process.stdout.write(table([["ALIAS", "RUNTIME", "FROM"], ...rows]));
      }
    });
}

function addStatus(ssh: Command): void {
  ssh
    .command("status")
    .description("list the connections that OpenSSH holds for Berth on this machine")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nOf other processes only their OpenSSH masters can be seen: what they know of a host's health, and connections by ssh2, are theirs alone.",
    )
    .action(async (flags: { readonly json?: boolean }) => {
      const names = await namesOfKeys();
      const masters = (await listMasters(socketDirectoryPath())).map((master) => ({
        ...master,
        name: names.get(master.key),
      }));
      if (flags.json) printJson(masters);
      else if (masters.length === 0) process.stderr.write("No connection is held for Berth.\n");
      else {
        const rows = masters.map(({ name, pid, usedBy, socket }) => [
          name ?? "?",
          String(pid),
          usedBy === undefined ? "waits, at most a minute" : `used by process ${usedBy}`,
          socket,
        ]);
        process.stdout.write(table([["HOST", "PID", "", "SOCKET"], ...rows]));
      }
    });
}

/** Masters carry a hash and no name; those of the hosts that berth.yaml names can be told. */
async function namesOfKeys(): Promise<Map<string, string>> {
  const file = await findBerthFile(process.cwd()).catch(() => undefined);
  const hosts = [...(file?.runtimes ?? [])].map(async ([name, config]): Promise<[string, string][]> => {
    if (config.type !== "ssh") return [];
    const target = await resolveSshTarget(config).catch(() => undefined);
    return target === undefined ? [] : [[target.key, name]];
  });
  return new Map((await Promise.all(hosts)).flat());
}
