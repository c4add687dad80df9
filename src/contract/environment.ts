/** Commands without a terminal never wait for a person: no pager, no editor, no password prompt of git. */
export const NON_INTERACTIVE_ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["TERM", "dumb"],
  ["PAGER", "cat"],
  ["GIT_PAGER", "cat"],
  ["GIT_TERMINAL_PROMPT", "0"],
  ["GIT_EDITOR", "true"],
];

/** PATH of a command where the place gives none. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
