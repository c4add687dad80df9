import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { fileError } from "../../contract/errors.ts";
import { tokenKey } from "../../runner/access/token-text.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { usageError } from "../errors.ts";
import { printJson } from "../print.ts";
import { askSecret, canAsk } from "../prompt.ts";
import { checkToken } from "../runner/check-token.ts";
import { removeLogin, runnerUrl, saveLogin } from "../runner/logins.ts";

interface LoginFlags {
  readonly tokenFile?: string;
  readonly json?: boolean;
}

export function addLoginCommands(program: Command): void {
  program
    .command("login")
    .description("save the token of a runner elsewhere, so that --runner URL works by it")
    .argument("<url>", "https://HOST[:PORT]")
    .option("--token-file <file>", "read the token from a file, - is stdin; default: it is asked for")
    .option("--json", "as JSON")
    .addHelpText("after", "\nWhoever runs the runner makes tokens: berth token create.")
    .action(login);
  program
    .command("logout")
    .description("remove the saved token of a runner; it stays valid until it is revoked there")
    .argument("<url>")
    .action((text: string) => {
      const url = runnerUrl(text);
      const removed = removeLogin(stateDirectoryPath(), url);
      process.stderr.write(
        removed ? `The token for ${url} is removed here.\n` : `There was none for ${url}.\n`,
      );
    });
}

async function login(text: string, flags: LoginFlags): Promise<void> {
  const url = runnerUrl(text);
  const token = (await read(url, flags.tokenFile)).trim();
  if (tokenKey(token) === undefined) {
    throw usageError(
      "that is not a token",
      "It begins with berth_ and has 63 characters; something is missing or mistyped.",
    );
  }
  const runner = await checkToken(url, token);
  const file = saveLogin(stateDirectoryPath(), url, token);
  if (flags.json) printJson({ url, file, version: runner.version });
  else {
    process.stdout.write(
      `${url} takes the token (berth ${runner.version}); it is in ${file}, which only you can read.\n` +
        `  berth workspace list --runner ${url}\n  export BERTH_RUNNER=${url}    # every berth of this shell\n`,
    );
  }
}

async function read(url: string, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    try {
      return readFileSync(file === "-" ? 0 : file, "utf8");
    } catch (cause) {
      throw fileError(cause, file, "client");
    }
  }
  if (!canAsk()) {
    throw usageError(
      "nobody is here to type the token",
      "Give it by --token-file FILE; - reads it from stdin.",
    );
  }
  const token = await askSecret(`Token for ${url}: `);
  if (token === undefined || token === "") throw usageError("no token was given");
  return token;
}
