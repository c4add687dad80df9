/**
 * Variables that would lead git elsewhere: inherited when Berth itself is run by a hook or an alias of git (the list of
 * `git rev-parse --local-env-vars`, and what steers its diff and its transport).
 */
export const MISLEADING_VARIABLES = [
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_CONFIG",
  "GIT_CONFIG_PARAMETERS",
  "GIT_CONFIG_COUNT",
  "GIT_OBJECT_DIRECTORY",
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_GRAFT_FILE",
  "GIT_INDEX_FILE",
  "GIT_NO_REPLACE_OBJECTS",
  "GIT_REPLACE_REF_BASE",
  "GIT_PREFIX",
  "GIT_SHALLOW_FILE",
  "GIT_COMMON_DIR",
  "GIT_NAMESPACE",
  "GIT_CEILING_DIRECTORIES",
  "GIT_EXTERNAL_DIFF",
  "GIT_DIFF_OPTS",
  "GIT_QUARANTINE_PATH",
] as const;

/** git speaks English, asks nobody, and opens no editor and no pager. LFS pointers stay pointers. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  LC_ALL: "C",
  LANGUAGE: "C",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "true",
  SSH_ASKPASS: "true",
  GIT_EDITOR: "true",
  GIT_PAGER: "cat",
  GIT_ADVICE: "0",
  GIT_LFS_SKIP_SMUDGE: "1",
};

/**
 * Settings of every git that Berth runs. No hook and no file system monitor, which are programs that the project may
 * name; where a trusted project's hooks are to run, the first is left out.
 */
export const NO_HOOKS = ["-c", "core.hooksPath=/dev/null"] as const;
export const QUIET_GIT = [
  "-c",
  "core.fsmonitor=false",
  "-c",
  "gc.auto=0",
  "-c",
  "maintenance.auto=false",
  "-c",
  "core.quotePath=false",
] as const;

/** Argv of git with these settings. */
export function gitArgv(args: readonly string[], options: { readonly hooks?: boolean } = {}): string[] {
  return ["git", ...QUIET_GIT, ...(options.hooks ? [] : NO_HOOKS), ...args];
}

/**
 * First lines of every script for /bin/sh: `git` means gitArgv there. A script gets its words as "$1", "$2", …: no
 * name ever stands in its text.
 */
export const SCRIPT_PRELUDE = `set -u
git() { command git ${QUIET_GIT.join(" ")} ${NO_HOOKS.join(" ")} "$@"; }
git_with_hooks() { command git ${QUIET_GIT.join(" ")} "$@"; }
`;

/** Argv that runs a script with words. */
export function scriptArgv(script: string, words: readonly string[] = []): string[] {
  return ["/bin/sh", "-c", `${SCRIPT_PRELUDE}${script}`, "berth", ...words];
}
