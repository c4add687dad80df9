import { branchProblem, isWorkspaceName } from "../../../../src/contract/workspace-name.ts";

/** Why a workspace of the project can't be called so, as the runner would say; undefined: it can. */
export function nameProblem(name: string, taken: readonly string[]): string | undefined {
  if (name === "") return "has to have a name";
  if (!isWorkspaceName(name))
    return "has to be letters, digits, dot, dash and underscore, starting with a letter or digit, at most 60";
  // As on file systems that ignore case.
  const same = taken.find((other) => other.toLowerCase() === name.toLowerCase());
  return same === undefined ? undefined : `there is a workspace ${same} already`;
}

/** Why a branch can't be called so; undefined: it can, or none is named. */
export function branchNameProblem(branch: string): string | undefined {
  const problem = branch === "" ? undefined : branchProblem(branch);
  return problem === undefined ? undefined : `is not a name of a branch: ${problem}`;
}

/** The first free one of "task-1", "task-2", …; `base` is what stands before the number. */
export function freeName(taken: readonly string[], base = "task"): string {
  const names = new Set(taken.map((name) => name.toLowerCase()));
  for (let number = 1; ; number++) {
    const name = `${base}-${number}`;
    if (!names.has(name)) return name;
  }
}
