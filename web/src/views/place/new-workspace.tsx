import { type FormEvent, useEffect, useRef, useState } from "react";
import { useClient, useMay, useMayReachOut, useStore, useWorkspaces } from "../../state/context.ts";
import { navigate, workspacePath } from "../../state/router.ts";
import type { Operation } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { CheckField, TextField } from "../../ui/field.tsx";
import { ErrorNote, Note } from "../../ui/notes.tsx";
import { say } from "../../ui/toasts.tsx";
import { freeName } from "../list/name-problem.ts";
import { OperationCard, useOperation } from "../list/operation-card.tsx";
import { ConnectionTest } from "./connection-test.tsx";
import { type Draft, draftOf } from "./draft.ts";
import { FIELDS, FORM_KINDS, type FormKind } from "./fields.ts";
import { KindChoice } from "./kind-choice.tsx";
import { type Project, ProjectField, TrustField } from "./new-fields.tsx";
import { checkedPlace, chosenName, createBody, type NewDraft, newProblems, runtimeOf } from "./new-model.ts";
import css from "./new-workspace.module.css";
import { RuntimeForm } from "./runtime-form.tsx";
import { useProblems } from "./use-problems.ts";
import { useSuggestions } from "./use-suggestions.ts";

/** A form that says what is wrong before anything is made, and then how far the making is. */
export function NewWorkspace({ project }: { readonly project?: string | undefined }) {
  const mayMake = useMayReachOut();
  if (!mayMake) {
    return (
      <div className={css.page}>
        <h1>New workspace</h1>
        <Note kind="info" title="This token makes no workspaces">
          <p>Who has one with the scope operate that is not limited to workspaces makes them.</p>
        </Note>
      </div>
    );
  }
  return <OfProjects asked={project} />;
}

function OfProjects({ asked }: { readonly asked: string | undefined }) {
  const projects = useProjects();
  return projects === undefined ? null : <NewForm projects={projects} asked={asked} />;
}

function useProjects(): readonly Project[] | undefined {
  const client = useClient();
  const [projects, setProjects] = useState<readonly Project[]>();
  useEffect(() => {
    const stop = new AbortController();
    const params = { query: { limit: 1000 } };
    client.get("/v1/projects", { params, signal: stop.signal }).then(
      ({ items }) => setProjects(items),
      () => !stop.signal.aborted && setProjects([]),
    );
    return () => stop.abort();
  }, [client]);
  return projects;
}

interface NewFormProps {
  readonly projects: readonly Project[];
  readonly asked: string | undefined;
}

function NewForm({ projects, asked }: NewFormProps) {
  const { work } = useStore();
  const workspaces = useWorkspaces() ?? [];
  const mayTrust = useMay("admin");
  const first = projects.find(({ id }) => id === asked) ?? projects[0];
  const [form, setForm] = useState<NewDraft>({
    project: asked ?? first?.id ?? "",
    name: "",
    choice: "worktree",
    branch: "",
    start: "",
    changes: false,
    existing: "",
    skipInit: false,
    trust: false,
  });
  const [drafts, setDrafts] = useState<Readonly<Record<FormKind, Draft>>>(
    () => Object.fromEntries(FORM_KINDS.map((kind) => [kind, draftOf(kind)])) as Record<FormKind, Draft>,
  );
  const [isAsked, setAsked] = useState(false);
  const [begun, setBegun] = useState<Operation>();
  const [refused, setRefused] = useState<unknown>();
  const change = (part: Partial<NewDraft>) => setForm({ ...form, ...part });

  const known = projects.find(({ id, path }) => id === form.project || path === form.project);
  const taken = workspaces
    .filter((one) => one.project.id === known?.id || one.project.path === form.project)
    .map(({ name }) => name);
  const suggestedName = freeName(taken);
  const draft: NewDraft = form.name === "" ? { ...form, name: suggestedName } : form;
  const kind = chosenName(form.choice) === undefined ? (form.choice as FormKind) : undefined;
  const problems = newProblems(
    draft,
    taken,
    projects.map(({ id }) => id),
  );
  const isProject = problems.project === undefined;
  const suggestions = useSuggestions(isProject ? form.project : undefined);
  const wrong = useProblems(kind ?? "local", drafts[kind ?? "local"]);
  const isWrong =
    Object.values(problems).some((one) => one !== undefined) ||
    (kind !== undefined && Object.keys(wrong).length > 0);
  const runtime = runtimeOf(form.choice, drafts[kind ?? "local"]);
  const page = useRef<HTMLFormElement>(null);

  const current = useOperation(begun);
  const state = current?.operation.state;
  useEffect(() => {
    if (current === undefined || state !== "succeeded") return;
    const { id, result, workspace } = current.operation;
    work.dismiss(id);
    const made = result?.workspace;
    if (made?.state === "init_failed") say(`${made.name} is made; its set-up failed`);
    const to = made?.id ?? workspace;
    const tab = made?.state === "init_failed" ? "settings" : "terminals";
    navigate(to === null ? "/" : workspacePath(to, tab), { replace: true });
  }, [current, state, work]);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (isWrong) {
      requestAnimationFrame(() => page.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus());
      return;
    }
    setRefused(undefined);
    try {
      setBegun(await work.begin({ kind: "create", body: createBody(draft, runtime) }));
    } catch (error) {
      setBegun(undefined);
      setRefused(error);
    }
  };

  if (current !== undefined && (state === "running" || state === "succeeded")) {
    return (
      <div className={css.page}>
        <h1>{current.operation.workspace_name}</h1>
        <div className={css.card}>
          <OperationCard {...current} />
        </div>
        <p className={css.soft}>
          It goes on when you leave this page: the button at the top tells how far it is.
        </p>
      </div>
    );
  }
  const place = checkedPlace(form.choice, runtime, isProject ? form.project : "");
  return (
    <form ref={page} className={css.page} onSubmit={(event) => void submit(event)} noValidate>
      <h1>New workspace</h1>
      {current !== undefined && (
        <div className={css.card}>
          <OperationCard {...current} />
        </div>
      )}
      <div className={css.pair}>
        <ProjectField
          projects={projects}
          value={form.project}
          onChange={(project) => change({ project })}
          error={isAsked || form.project !== "" ? problems.project : undefined}
        />
        <TextField
          label="Name"
          mono
          value={form.name}
          placeholder={suggestedName}
          onChange={(name) => change({ name })}
          error={problems.name}
          hint="Of the workspace, and of its branch unless that is named below."
        />
      </div>
      <KindChoice
        value={form.choice}
        onChange={(choice) => change({ choice })}
        named={(suggestions?.named ?? []).filter(({ type }) => type !== "remote")}
      />
      {kind !== undefined && FIELDS[kind].length > 0 && (
        <section aria-label="Settings of the place" className={css.settings}>
          {kind !== "ssh" && kind !== "worktree" && kind !== "local" && suggestions?.docker_error && (
            <Note kind="warn" title={suggestions.docker_error.message}>
              <p>{suggestions.docker_error.hint}</p>
            </Note>
          )}
          <RuntimeForm
            key={kind}
            kind={kind}
            draft={drafts[kind]}
            onChange={(next) => setDrafts({ ...drafts, [kind]: next })}
            problems={wrong}
            suggestions={suggestions}
            isAsked={isAsked}
          />
        </section>
      )}
      {place !== undefined && (
        <ConnectionTest
          key={form.choice}
          place={kind !== undefined && Object.keys(wrong).length > 0 ? undefined : place}
          keyPlace={"runtime" in place ? place : undefined}
          about="Whether the place can be used, before anything is made there."
        />
      )}
      <fieldset className={css.settings}>
        <legend>Checkout and set-up</legend>
        <div className={css.pair}>
          <TextField
            label="Branch"
            optional
            mono
            value={form.branch}
            placeholder={draft.name}
            onChange={(branch) => change({ branch })}
            error={problems.branch}
            hint="One that is there is gone on with."
          />
          <TextField
            label="Start"
            optional
            mono
            value={form.start}
            placeholder="trunk"
            onChange={(start) => change({ start })}
            hint="Commit, branch or tag that a new branch starts at."
          />
          <TextField
            label="Existing checkout"
            optional
            mono
            value={form.existing}
            placeholder="/srv/app"
            onChange={(existing) => change({ existing })}
            error={problems.existing}
            hint="A directory of the place that is a checkout already: it is used as it is, and never removed."
          />
        </div>
        <CheckField
          label="With the project's uncommitted changes"
          hint="Changed and untracked files of your checkout travel too."
          checked={form.changes}
          onChange={(changes) => change({ changes })}
        />
        <CheckField
          label="Skip the set-up"
          hint="It can be run later."
          checked={form.skipInit}
          onChange={(skipInit) => change({ skipInit })}
        />
        {known?.trusted !== true && (
          <TrustField
            mayTrust={mayTrust}
            checked={form.trust}
            onChange={(trust) => change({ trust })}
            name={known?.name ?? "the project"}
          />
        )}
      </fieldset>
      {refused !== undefined && <ErrorNote error={refused} />}
      <div className={css.submit}>
        <Button onClick={() => navigate("/")}>Back to the list</Button>
        <Button kind="primary" type="submit" icon="plus">
          Create {draft.name}
        </Button>
        <span role="status" className={css.wrong}>
          {isAsked && isWrong ? "Something has to be corrected first." : ""}
        </span>
      </div>
    </form>
  );
}
