import { useDeferredValue, useEffect, useState } from "react";
import { configOfDraft, type Draft, draftProblems, type Problems } from "./draft.ts";
import type { FormKind } from "./fields.ts";

/** The runner's own schemas, which are a part of the page that only forms need. */
type Check = (value: unknown) => readonly { readonly field: string; readonly reason: string }[];

let loading: Promise<Check> | undefined;

function loadCheck(): Promise<Check> {
  loading ??= import("./config-problems.ts").then(
    ({ runtimeConfigProblems }) => runtimeConfigProblems,
    (error: unknown) => {
      // The runner refuses what is wrong all the same; the next form tries again.
      loading = undefined;
      throw error;
    },
  );
  return loading;
}

/** What is wrong in a form, as it is typed. */
export function useProblems(kind: FormKind, draft: Draft): Problems {
  const [check, setCheck] = useState<{ readonly run: Check }>();
  useEffect(() => {
    let isThere = true;
    loadCheck().then(
      (run) => isThere && setCheck({ run }),
      () => undefined,
    );
    return () => {
      isThere = false;
    };
  }, []);
  const settled = useDeferredValue(draft);
  const own = draftProblems(kind, settled);
  const problems: Record<string, string> = {};
  for (const { field, reason } of check?.run(configOfDraft(kind, settled)) ?? []) problems[field] ??= reason;
  return { ...problems, ...own };
}

/** Those of a field and of what is in it. */
export function problemsIn(problems: Problems, field: string): Problems {
  return Object.fromEntries(
    Object.entries(problems)
      .filter(([name]) => name === field || name.startsWith(`${field}.`))
      .map(([name, reason]) => [name.slice(field.length + 1), reason]),
  );
}
