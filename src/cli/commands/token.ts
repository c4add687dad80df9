import { type Command, Option } from "commander";
import type * as z from "zod";
import type { Scope } from "../../api/route.ts";
import { TOKEN_NAME, type token } from "../../api/tokens.ts";
import { defined } from "../../contract/defined.ts";
import type { BerthEventInput } from "../../contract/events.ts";
import { stateDirectoryPath } from "../../runtimes/state-directory.ts";
import { databasePath } from "../../store/engine.ts";
import { collect, duration } from "../arguments.ts";
import { usageError } from "../errors.ts";
import { printJson, table, terminalColumns, visible } from "../print.ts";
import { callRunner, jsonFromRunner } from "../runner/calls.ts";
import { addRunnerOptions, type RunnerFlags, runnerTarget } from "../runner/target.ts";
import { withWorkspaces } from "../workspaces.ts";

type Token = z.infer<typeof token>;

interface Flags extends RunnerFlags {
  readonly json?: boolean;
}

interface CreateFlags extends Flags {
  readonly scope: Scope;
  readonly workspace?: string[];
  /** Milliseconds. */
  readonly expires?: number;
}

const SCOPES: readonly Scope[] = ["read", "operate", "admin"];

export function addTokenCommand(program: Command): void {
  const command = program
    .command("token")
    .description("tokens by which others call the runner: what they may do, for how long, and their end")
    .addHelpText(
      "after",
      "\nread looks; operate works in workspaces, too; admin manages the runner, too. A token is shown once, and kept as a hash.\nDocumentation: docs/security.md",
    );
  addRunnerOptions(command.command("create"), "words")
    .description("make a token, and write it on standard output: it is told this once")
    .argument("<name>", "what it is for, such as ci; unique")
    .addOption(new Option("--scope <scope>", "what it may do").choices(SCOPES).makeOptionMandatory())
    .option("-w, --workspace <workspace>", "limit it to this workspace (repeatable)", collect)
    .option("--expires <time>", "it ends after this time, such as 12h or 30d (default: never)", duration)
    .option("--json", "as JSON")
    .action(create);
  addRunnerOptions(command.command("list").alias("ls"), "words")
    .description("list the tokens that are valid")
    .option("--json", "as JSON")
    .action(list);
  addRunnerOptions(command.command("revoke").alias("rm"), "words")
    .description("end a token, and the connections that it opened")
    .argument("<token>", "its name or id; `local` is the one of this state directory, which is made anew")
    .option("--json", "as JSON")
    .action(revoke);
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  if (flags.expires !== undefined && flags.expires < 1000)
    throw usageError("--expires is less than a second");
  if (name.length > 64 || !TOKEN_NAME.test(name)) {
    throw usageError("the name of a token is at most 64 letters, digits, spaces and ._@:/+-");
  }
  const { scope, workspace: workspaces, expires: expires_in_ms } = flags;
  const body = { name, scope, ...defined({ workspaces, expires_in_ms }) };
  const target = runnerTarget(flags);
  const made = (
    target === undefined
      ? await tokensHere((here) => here.create(body))
      : await jsonFromRunner(target, "/v1/tokens", { method: "POST", body })
  ) as { readonly token: Token; readonly secret: string };
  if (flags.json) {
    printJson(made);
    return;
  }
  process.stdout.write(`${made.secret}\n`);
  const { expires_at, workspaces: limit } = made.token;
  const until = expires_at === null ? "until it is revoked" : `until ${expires_at}`;
  const where =
    limit === null ? "" : ` in ${limit.length === 1 ? "one workspace" : `${limit.length} workspaces`}`;
  process.stderr.write(
    `berth: ${visible(name)} may ${scope}${where}, ${until}. The token is not shown again: berth token revoke ${visible(name)} ends it.\n`,
  );
}

async function list(flags: Flags): Promise<void> {
  const target = runnerTarget(flags);
  const items: Token[] = [];
  if (target === undefined) items.push(...(await tokensHere((here) => here.list())));
  else {
    let cursor: string | undefined;
    do {
      const page = await jsonFromRunner(target, "/v1/tokens", { query: { limit: 1000, cursor } });
      const { items: some, next } = page as { items: Token[]; next: string | null };
      items.push(...some);
      cursor = next ?? undefined;
    } while (cursor !== undefined);
  }
  if (flags.json) {
    printJson(items);
    return;
  }
  const rows = items.map((item) => [
    item.name,
    item.scope,
    item.workspaces === null ? "all" : item.workspaces.join(" "),
    item.expires_at ?? "never",
    item.last_used_at ?? "",
    item.id,
  ]);
  const head = ["NAME", "SCOPE", "WORKSPACES", "EXPIRES", "LAST USED", "ID"];
  process.stdout.write(table([head, ...rows], terminalColumns()));
}

async function revoke(name: string, flags: Flags): Promise<void> {
  const target = runnerTarget(flags);
  if (target === undefined) await tokensHere((here) => here.revoke(name));
  else await callRunner(target, `/v1/tokens/${encodeURIComponent(name)}`, { method: "DELETE" });
  if (flags.json) printJson({ revoked: name });
  else if (name === "local") process.stdout.write("The token of this state directory was made anew.\n");
  else process.stdout.write(`${visible(name)} was revoked.\n`);
}

interface TokensHere {
  create(body: {
    name: string;
    scope: Scope;
    workspaces?: string[];
    expires_in_ms?: number;
  }): Promise<unknown>;
  list(): Promise<Token[]>;
  revoke(id: string): Promise<void>;
}

/** The same calls as a runner answers them, on this user's database. */
async function tokensHere<Result>(work: (tokens: TokensHere) => Promise<Result>): Promise<Result> {
  const [{ tokenHandlers, tokenJson }, { Tokens }, { openStore }, { privateDirectory }, { logHere }] =
    await Promise.all([
      import("../../runner/access/handlers.ts"),
      import("../../runner/access/tokens.ts"),
      import("../../store/open.ts"),
      import("../../runtimes/state-directory.ts"),
      import("../event-source.ts"),
    ]);
  const stateDirectory = await privateDirectory(stateDirectoryPath());
  await using store = await openStore(process.env.BERTH_DATABASE || databasePath(stateDirectory));
  using tokens = new Tokens(store, stateDirectory);
  await using log = await logHere();
  return await withWorkspaces(async (workspaces) => {
    const context = {
      workspace: (selector: string) => workspaces.get(selector),
      emit: (event: BerthEventInput) => log.append(event),
    };
    const handlers = tokenHandlers(context, { tokens });
    const caller = {
      tokenId: "",
      name: "cli",
      scope: "admin",
      workspaces: undefined,
      address: "",
      requestId: "",
    } as const;
    const call = {
      params: {},
      query: {},
      body: {},
      headers: {},
      origin: "",
      caller,
      signal: new AbortController().signal,
    };
    return await work({
      create: async (body) => (await handlers.createToken({ ...call, body })).body,
      list: async () => (await tokens.list()).map(tokenJson),
      revoke: async (id) => void (await handlers.deleteToken({ ...call, params: { id } })),
    });
  });
}
