/** Of the API's names of tokens. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._@:/+-]*$/;
const MOST_LETTERS = 64;
const DAY_MS = 86_400_000;

export const EXPIRIES = [
  { value: "1", label: "In a day" },
  { value: "7", label: "In a week" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "", label: "Never" },
] as const;

export function tokenNameProblem(name: string, taken: readonly string[]): string | undefined {
  if (name === "") return "has to have a name";
  if (!NAME.test(name))
    return "has to be letters, digits, blanks and ._@:/+-, starting with a letter or digit";
  if (name.length > MOST_LETTERS) return `has to have at most ${MOST_LETTERS} letters`;
  return taken.includes(name) ? "there is a token of this name already" : undefined;
}

export interface TokenForm {
  readonly name: string;
  readonly scope: string;
  /** Ids; undefined: all. */
  readonly limits: readonly string[] | undefined;
  /** "" for ever. */
  readonly days: string;
}

export function tokenBody({ name, scope, limits, days }: TokenForm) {
  return {
    name,
    scope: scope as "read" | "operate" | "admin",
    ...(limits === undefined ? {} : { workspaces: [...limits] }),
    ...(days === "" ? {} : { expires_in_ms: Number(days) * DAY_MS }),
  };
}
