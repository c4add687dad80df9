import type { Command } from "commander";
import { usageError } from "../errors.ts";
import { addRuntimeOption, open, type RuntimeOptions } from "../options.ts";
import { printJson } from "../print.ts";

interface Flags extends RuntimeOptions {
  readonly reverse?: boolean;
  readonly bind?: string;
  readonly host?: string;
}

export function addForwardCommand(program: Command): void {
  const command = program
    .command("forward")
    .description("reach ports of the place from here, or with --reverse ports of this machine from there")
    .argument("<port...>", "PORT, or LOCAL:REMOTE; local port 0 is any free one");
  addRuntimeOption(command)
    .option("-R, --reverse", "the other way: listen in the place, connect here")
    .option("--bind <address>", "address to listen on here (default: 127.0.0.1)")
    .option("--host <name>", "host to connect to, as seen from the far end (default: 127.0.0.1, then ::1)")
    .option("--json", "print the forwards as JSON")
    .action(async (ports: string[], flags: Flags) => {
      const pairs = ports.map(parsePair);
      if (flags.reverse && flags.bind !== undefined)
        throw usageError(
          "--bind is for the listening end here",
          "With --reverse the place listens on its 127.0.0.1.",
        );
      await using runtime = await open(flags);
      await using forwards = new AsyncDisposableStack();
      const made = [];
      for (const { local, remote } of pairs) {
        const forward = forwards.use(
          flags.reverse
            ? await runtime.reverseForward(local, {
                remotePort: remote,
                ...(flags.host === undefined ? {} : { localHost: flags.host }),
              })
            : await runtime.forward(remote, {
                localPort: local,
                ...(flags.bind === undefined ? {} : { localHost: flags.bind }),
                ...(flags.host === undefined ? {} : { remoteHost: flags.host }),
              }),
        );
        made.push({
          localHost: forward.localHost,
          localPort: forward.localPort,
          remotePort: forward.remotePort,
          reverse: flags.reverse ?? false,
        });
      }
      if (flags.json) printJson(made);
      else {
        for (const { localHost, localPort, remotePort } of made) {
          const here = `${localHost.includes(":") ? `[${localHost}]` : localHost}:${localPort}`;
          const there = `${runtime.description} port ${remotePort}`;
          process.stdout.write(flags.reverse ? `${there} → ${here}\n` : `${here} → ${there}\n`);
        }
        process.stderr.write("Ctrl-C ends it.\n");
      }
      await new Promise<void>((resolve) =>
        process.once("SIGINT", resolve).once("SIGTERM", resolve).once("SIGHUP", resolve),
      );
    });
}

/** "3000" is the same port at both ends; "8080:3000" is 8080 here and 3000 there. */
export function parsePair(text: string): { local: number; remote: number } {
  const match = /^(?:(\d{1,5}):)?(\d{1,5})$/.exec(text);
  const remote = Number(match?.[2] ?? -1);
  const local = match?.[1] === undefined ? remote : Number(match[1]);
  if (match === null || remote > 65535 || local > 65535 || (remote === 0 && local === 0)) {
    throw usageError(`"${text}" is not a port`, "Give PORT or LOCAL:REMOTE, such as 8080:3000.");
  }
  return { local, remote };
}
