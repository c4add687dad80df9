import { homedir } from "node:os";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { SshConfig } from "../contract/config.ts";
import { duration } from "./arguments.ts";

/** What the command line says about how a host is reached by SSH. */
export interface SshOptions {
  readonly identity?: string;
  readonly transport?: NonNullable<SshConfig["transport"]>;
  readonly acceptNew?: boolean;
  readonly knownHosts?: string;
  readonly sshConfig?: string;
  /** Milliseconds. */
  readonly wait?: number;
}

const FLAGS = {
  identity: "--identity",
  transport: "--transport",
  acceptNew: "--accept-new",
  knownHosts: "--known-hosts",
  sshConfig: "--ssh-config",
  wait: "--wait",
} as const satisfies Record<keyof SshOptions, string>;

export function addSshOptions(command: Command): Command {
  command
    .option("-i, --identity <file>", "ssh: the private key to log in with, as `ssh -i`")
    .addOption(
      new Option("--transport <name>", "ssh: the system's OpenSSH or the one built in").choices([
        "auto",
        "openssh",
        "ssh2",
      ]),
    )
    .option(
      "--accept-new",
      "ssh: record the key of a host that is not known yet; a changed key is still refused",
    )
    .option("--known-hosts <file>", "ssh: keys of hosts, in place of the user's known_hosts")
    .option("--ssh-config <file>", "ssh: in place of the user's ssh configuration");
  return addSshWait(command);
}

export function addSshWait(command: Command): Command {
  return command.option(
    "--wait <duration>",
    "ssh: how long to wait for a host that can't be reached now (default: 0s, fail at once)",
    duration,
  );
}

/** The flags that are given, as the user wrote them. */
export function givenSshFlags(options: SshOptions): string[] {
  return (Object.keys(FLAGS) as (keyof SshOptions)[])
    .filter((name) => options[name] !== undefined)
    .map((name) => FLAGS[name]);
}

/** The fields of the configuration that the flags set. */
export function sshFields(options: SshOptions): Partial<SshConfig> {
  return {
    ...(options.identity === undefined ? {} : { identityFile: ownPath(options.identity) }),
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    ...(options.acceptNew ? { hostKeys: "accept-new" as const } : {}),
    ...(options.knownHosts === undefined ? {} : { knownHostsFile: ownPath(options.knownHosts) }),
    ...(options.sshConfig === undefined ? {} : { configFile: ownPath(options.sshConfig) }),
  };
}

/** A path of the command line, relative to the current directory; `--identity=~/key` has a `~` that no shell expands. */
export function ownPath(path: string): string {
  return resolve(/^~(?=\/|$)/.test(path) ? homedir() + path.slice(1) : path);
}
