import { berthError } from "../../contract/errors.ts";
import type { Command } from "../../contract/process.ts";

/** Environment as the wire carries it: null removes a variable. */
export type EnvironmentPairs = [string, string | null][];

const NO_PAIRS: EnvironmentPairs = [];
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The argv of a command: a list is taken as it is, a string becomes `[shell, "-c", string]`. `shellLookup` says
 * that the shell was named without a path and is to be found in the place.
 * @throws process.argument_invalid for no words and for NUL characters; the text is never shown
 */
export function commandArgv(
  command: Command,
  shell?: string,
): { readonly argv: string[]; readonly shellLookup: boolean } {
  if (typeof command === "string") {
    const program = shell ?? "/bin/sh";
    if (program === "" || program.includes("\0") || command.includes("\0")) throw invalidArgument(undefined);
    return { argv: [program, "-c", command], shellLookup: !program.includes("/") };
  }
  if (!Array.isArray(command) || command.length === 0) throw invalidArgument(undefined);
  for (let index = 0; index < command.length; index++) {
    const word: unknown = command[index];
    if (typeof word !== "string" || word.includes("\0")) throw invalidArgument(index);
  }
  return { argv: command as string[], shellLookup: false };
}

function invalidArgument(index: number | undefined) {
  return berthError("process.argument_invalid", { context: { index } });
}

/**
 * Validated pairs of an environment; undefined becomes null (removed). Values are kept exactly.
 * @throws process.env_invalid with the name and never a value
 */
export function environmentPairs(
  environment: Readonly<Record<string, string | undefined>> | undefined,
  base: EnvironmentPairs = NO_PAIRS,
): EnvironmentPairs {
  if (environment === undefined) return base;
  const pairs: EnvironmentPairs = [];
  for (const name of Object.keys(environment)) {
    const value: unknown = environment[name];
    if (!VARIABLE_NAME.test(name)) throw berthError("process.env_invalid", { context: { name } });
    if (value !== undefined && (typeof value !== "string" || value.includes("\0"))) {
      throw berthError("process.env_invalid", {
        message: `the value of ${name} is not valid`,
        context: { name },
      });
    }
    pairs.push([name, value ?? null]);
  }
  if (base.length === 0) return pairs;
  return [...base.filter(([name]) => !Object.hasOwn(environment, name)), ...pairs];
}

/** How paths of the caller become paths of the place. */
export interface PathContext {
  readonly workdir: string;
  readonly mapPath?: ((path: string) => string) | undefined;
}

/**
 * A path as the daemon gets it: absolute ones are mapped, `~` is left to the place, relative ones start at the
 * workdir. It is not normalised, as `a/..` means something else where `a` is a link.
 * @throws EINVAL for an empty path and for NUL characters
 */
export function placePath(path: string, context: PathContext): string {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw berthError("EINVAL", {
      message: "a path is a string that is not empty and has no NUL character",
      context: { path: typeof path === "string" ? path.replaceAll("\0", "␀") : undefined },
    });
  }
  if (path.startsWith("/")) return context.mapPath === undefined ? path : context.mapPath(path);
  if (path === "~" || path.startsWith("~/")) return path;
  if (path === ".") return context.workdir;
  return context.workdir.endsWith("/") ? context.workdir + path : `${context.workdir}/${path}`;
}
