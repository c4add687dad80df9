import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { RUNNER_PORT } from "../../contract/config-remote.ts";
import { defined } from "../../contract/defined.ts";
import { readTlsFiles } from "../../runner/access/tls.ts";
import { DEFAULT_HOST } from "../../runner/defaults.ts";
import type { StartRunnerOptions } from "../../runner/start.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { collect, positiveNumber } from "../arguments.ts";
import { usageError } from "../errors.ts";

export interface ServeFlags {
  readonly host?: string;
  readonly port?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecure?: boolean;
  readonly allowHost?: string[];
  readonly baseDomain?: string;
  readonly publicUrl?: string;
  readonly trustedProxy?: string[];
  readonly database?: string;
  readonly eventKeepDays?: number;
  readonly callsPerMinute?: number;
  readonly logLevel?: string;
  readonly logFile?: string;
  readonly detach?: boolean;
  readonly replace?: boolean;
  readonly stop?: boolean;
  readonly status?: boolean;
  readonly showToken?: boolean;
  readonly open?: boolean;
  readonly json?: boolean;
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"];

export function addServeCommand(program: Command): void {
  program
    .command("serve")
    .description(
      "run the runner: workspaces and processes of this user for every client, by HTTP and WebSocket",
    )
    .option(
      "--host <address>",
      `address to listen on; another one than this machine's own needs TLS (default: ${DEFAULT_HOST})`,
    )
    .option("--port <port>", `port to listen on; 0 is any free one (default: ${RUNNER_PORT})`, port)
    .option("--tls-cert <file>", "certificate (PEM, with its chain); read again at SIGHUP")
    .option("--tls-key <file>", "its private key (PEM)")
    .option("--insecure", "listen on another address without TLS all the same")
    .option("--allow-host <name>", "a host name that requests may be for (repeatable)", collect)
    .option("--base-domain <domain>", "previews are at PORT-WORKSPACE.DOMAIN (default: localhost)")
    .option("--public-url <url>", "where users reach it when a proxy is in front")
    .option(
      "--trusted-proxy <address>",
      "a proxy whose X-Forwarded headers are believed (repeatable)",
      collect,
    )
    .option(
      "--database <url>",
      "a postgres:// database in place of the file in the state directory; default: BERTH_DATABASE",
    )
    .option("--event-keep-days <days>", "days that events are kept (default: for ever)", positiveNumber)
    .option(
      "--calls-per-minute <number>",
      "calls that a token may make, or an address without one (default: 30,000)",
      positiveNumber,
    )
    .addOption(new Option("--log-level <level>", "what the log tells").choices(LOG_LEVELS))
    .option("--log-file <file>", "append the log to a file, at most 2 times 16 MiB of it")
    .option("-d, --detach", "leave it running in the background, once it is ready")
    .option("--replace", "take over from the runner that runs: its clients go on where they were")
    .option("--stop", "end the runner that runs; processes go on")
    .option("--status", "say whether one runs, and where; exit code 1 when none does")
    .option("--open", "open the page in your browser, signed in, as `berth open` does")
    .option("--show-token", "print the token, too")
    .option("--json", "as JSON; the log, too")
    .addHelpText(
      "after",
      "\nSIGTERM and Ctrl-C end it in order, a second one at once; SIGHUP reads the certificate again.\nDocumentation: docs/runner.md, docs/deployment.md",
    )
    .action(async (flags: ServeFlags) => {
      const words = (["detach", "replace", "stop", "status"] as const).filter((name) => flags[name]);
      if (words.length > 1 && (flags.stop || flags.status)) {
        throw usageError(`--${words.join(", --")} exclude each other`);
      }
      if (flags.stop) return await (await import("../runner/serve-control.ts")).stopRunner(flags);
      if (flags.status) return await (await import("../runner/serve-control.ts")).showRunner(flags);
      const options = startOptions(flags);
      if (flags.detach) return await (await import("../runner/serve-detached.ts")).serveDetached(flags);
      await (await import("../runner/serve-here.ts")).serveHere(flags, options);
    });
}

function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= 65535)) throw new InvalidArgumentError("It has to be a number of 0 to 65535.");
  return value;
}

/** The options of the runner. Files are read here, so that what is wrong with them is said before anything starts. */
function startOptions(flags: ServeFlags): StartRunnerOptions {
  const { tlsCert, tlsKey } = flags;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw usageError("--tls-cert and --tls-key go together");
  }
  const readTls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : () => readTlsFiles(resolve(tlsCert), resolve(tlsKey));
  const database = flags.database ?? (process.env.BERTH_DATABASE || undefined);
  return {
    stateDirectory: stateDirectoryPath(),
    ...defined({ host: flags.host, port: flags.port }),
    readTls,
    database,
    insecure: flags.insecure,
    allowedHosts: flags.allowHost,
    baseDomain: flags.baseDomain,
    publicUrl: flags.publicUrl,
    trustedProxies: flags.trustedProxy,
    eventKeepDays: flags.eventKeepDays,
    callsPerMinute: flags.callsPerMinute,
    logLevel: flags.logLevel,
    replace: flags.replace,
  };
}
