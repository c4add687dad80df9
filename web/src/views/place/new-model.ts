import type { CheckedPlace } from "../../../../src/client/index.ts";
import type { CreateBody } from "../../state/work.ts";
import { branchNameProblem, nameProblem } from "../list/name-problem.ts";
import { configOfDraft, type Draft } from "./draft.ts";
import type { FormKind } from "./fields.ts";

/** What stands in the form of a new workspace. */
export interface NewDraft {
  /** Id, or directory on the runner's machine. */
  readonly project: string;
  readonly name: string;
  /** A kind, or "named:" and a name of berth.yaml. */
  readonly choice: string;
  readonly branch: string;
  readonly start: string;
  readonly changes: boolean;
  readonly existing: string;
  readonly skipInit: boolean;
  readonly trust: boolean;
}

type Runtime = Exclude<CreateBody["runtime"], undefined>;

/** The name of berth.yaml that was chosen; undefined for a kind. */
export function chosenName(choice: string): string | undefined {
  return choice.startsWith("named:") ? choice.slice("named:".length) : undefined;
}

export function runtimeOf(choice: string, draft: Draft): Runtime {
  return chosenName(choice) ?? (configOfDraft(choice as FormKind, draft) as Runtime);
}

export interface NewProblems {
  readonly project?: string | undefined;
  readonly name?: string | undefined;
  readonly branch?: string | undefined;
  readonly existing?: string | undefined;
}

export function newProblems(draft: NewDraft, taken: readonly string[], ids: readonly string[]): NewProblems {
  const { project, name, branch, existing } = draft;
  const isKnown = ids.includes(project) || project.startsWith("/");
  return {
    project: isKnown ? undefined : project === "" ? "has to be given" : "has to be an absolute path",
    name: nameProblem(name, taken),
    branch: branchNameProblem(branch),
    existing: /^(?:$|\/|~\/)/.test(existing) ? undefined : "has to be an absolute path, or start with ~/",
  };
}

export function createBody(draft: NewDraft, runtime: Runtime): CreateBody {
  const { project, name, branch, start, changes, existing, skipInit, trust } = draft;
  return {
    name,
    project,
    runtime,
    ...(branch === "" ? {} : { branch }),
    ...(start === "" ? {} : { start }),
    ...(existing === "" ? {} : { existing }),
    ...(changes ? { changes } : {}),
    ...(skipInit ? { skip_init: true } : {}),
    ...(trust ? { trust } : {}),
  };
}

/** What a test of the connection tries; undefined where there is nothing to try before it is made. */
export function checkedPlace(choice: string, runtime: Runtime, project: string): CheckedPlace | undefined {
  if (choice === "worktree" || choice === "local") return undefined;
  return project === "" ? { runtime } : { runtime, project };
}
