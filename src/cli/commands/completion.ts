import type { Command, Option } from "commander";
import { findBerthFile } from "../../runtimes/find-berth-file.ts";
import { listSshHosts } from "../../transports/ssh/hosts.ts";
import { usageError } from "../errors.ts";

export function addCompletionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a completion script for bash, zsh or fish")
    .argument("<shell>", "bash, zsh or fish")
    .addHelpText(
      "after",
      '\nbash: eval "$(berth completion bash)"\nzsh:  eval "$(berth completion zsh)"\nfish: berth completion fish | source',
    )
    .action((shell: string) => {
      const script = SCRIPTS[shell];
      if (script === undefined)
        throw usageError(`no completion for "${shell}"`, "It is there for bash, zsh and fish.");
      process.stdout.write(script);
    });
  // Called by the scripts: one candidate a line for the last of the words.
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      process.stdout.write((await candidates(program, words)).map((word) => `${word}\n`).join(""));
    });
}

const SCRIPTS: Record<string, string> = {
  // Bash splits words at colons and completes only what stands behind the last one.
  bash: `_berth() {
  local line="\${COMP_LINE:0:COMP_POINT}" words current IFS=$' \\t'
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current="\${words[\${#words[@]}-1]}"
  IFS=$'\\n'
  COMPREPLY=($(berth __complete -- "\${words[@]:1}" 2>/dev/null))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then compopt -o default; return; fi
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[:/] ]] && compopt -o nospace
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${current%"\${current##*:}"}"}")
  fi
}
complete -F _berth berth
`,
  zsh: `_berth() {
  local -a words_
  words_=("\${(@f)$(berth __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${words_[1]}" ]]; then compadd -- "\${words_[@]}"; else _files; fi
}
compdef _berth berth
`,
  fish: `complete -c berth -f -a '(berth __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
};

/** What may stand at the place of the last word: commands, options, their values, runtimes. */
export async function candidates(program: Command, words: readonly string[]): Promise<string[]> {
  const current = words[words.length - 1] ?? "";
  const before = words.slice(0, -1);
  const separator = before.indexOf("--");
  if (separator !== -1) return [];
  let command = program;
  let depth = 0;
  for (const word of before) {
    const sub = command.commands.find(
      (candidate) => candidate.name() === word || candidate.aliases().includes(word),
    );
    if (sub === undefined) break;
    command = sub;
    depth += 1;
  }
  if (command.commands.length > 0) {
    const names = command.commands
      .map((candidate) => candidate.name())
      .filter((name) => !name.startsWith("_"));
    return startingWith(before.length === depth ? [...names, "help"] : [], current);
  }
  const previous = before[before.length - 1] ?? "";
  const option = command.options.find(
    (candidate) => candidate.long === previous || candidate.short === previous,
  );
  if (option !== undefined && (option.required || option.optional))
    return startingWith(await values(option, current), current);
  if (current.startsWith("-")) {
    return startingWith(
      command.options.flatMap((candidate) => candidate.long ?? candidate.short ?? []),
      current,
    );
  }
  if (command.name() === "completion") return startingWith(Object.keys(SCRIPTS), current);
  const subject = command.registeredArguments[0]?.name();
  if (subject === "host") return startingWith(await sshAliases(), current);
  if (subject === "workspace" && takesSubject(command, before.slice(depth)))
    return startingWith(await workspaceNames(current), current);
  return [];
}

/** Whether no argument stands before: only options, and their values. */
function takesSubject(command: Command, words: readonly string[]): boolean {
  return words.every((word, index) => {
    if (word.startsWith("-")) return true;
    const before = words[index - 1] ?? "";
    const previous = command.options.find(({ long, short }) => long === before || short === before);
    return previous !== undefined && (previous.required || previous.optional);
  });
}

async function values(option: Option, current: string): Promise<string[]> {
  if (option.argChoices !== undefined) return option.argChoices;
  if (option.long === "--workspace") return workspaceNames(current);
  if (option.long !== "--runtime") return [];
  const file = await findBerthFile(process.cwd()).catch(() => undefined);
  const hosts = current.startsWith("ssh://")
    ? (await sshAliases()).map((alias) => `ssh://${alias}`)
    : ["ssh://"];
  return [...(file?.runtimes.keys() ?? []), "local:", "worktree:", "docker://", "docker-image:", ...hosts];
}

/** Those of this project; of all, as PROJECT/NAME, when that is what is typed or where there is no project. */
async function workspaceNames(current: string): Promise<string[]> {
  const { existingWorkspaces } = await import("../workspaces.ts");
  const names = await existingWorkspaces(async (workspaces) => {
    const own = await workspaces.list({ project: process.cwd() }).catch(() => []);
    if (own.length > 0 && !current.includes("/")) return own.map(({ name }) => name);
    return (await workspaces.list()).map(({ name, project }) => `${project.name}/${name}`);
  }).catch(() => undefined);
  return names ?? [];
}

async function sshAliases(): Promise<string[]> {
  return (await listSshHosts()).map(({ alias }) => alias);
}

function startingWith(words: readonly string[], prefix: string): string[] {
  return words.filter((word) => word.startsWith(prefix));
}
