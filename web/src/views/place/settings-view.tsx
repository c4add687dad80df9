import { useEffect, useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { useClient, useMay, useMayReachOut, useStore } from "../../state/context.ts";
import { guardLeaving, navigate, workspacePath } from "../../state/router.ts";
import type { Workspace } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote, Note } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { Output } from "../list/operation-card.tsx";
import { openTray } from "../list/operation-tray.tsx";
import { PlaceLabel } from "../list/parts.tsx";
import { placeOf } from "../list/place-of.ts";
import type { WorkspaceViewProps } from "../workspace-page.tsx";
import { ConnectionTest } from "./connection-test.tsx";
import { type Config, changedFields, configOfDraft, type Draft, draftOf, type Problems } from "./draft.ts";
import { type FormKind, formKindOf } from "./fields.ts";
import { RuntimeForm } from "./runtime-form.tsx";
import css from "./settings.module.css";
import { useProblems } from "./use-problems.ts";
import { useSuggestions } from "./use-suggestions.ts";

type RuntimeConfig = components["schemas"]["RuntimeConfig"];

export function SettingsView({ workspace, query }: WorkspaceViewProps) {
  const kind = formKindOf(workspace.runtime);
  const [testNow] = useState(query.get("test") === "now");
  useEffect(() => {
    if (testNow) navigate(workspacePath(workspace.id, "settings"), { replace: true });
  }, [testNow, workspace.id]);
  return (
    <div className={css.page}>
      <Where workspace={workspace} />
      {kind === undefined ? (
        <ConnectionTest
          place={{ workspace: workspace.id }}
          keyPlace={undefined}
          about="As the workspace is configured."
          now={testNow}
        />
      ) : (
        <Settings workspace={workspace} kind={kind} testNow={testNow} />
      )}
      <SetUp workspace={workspace} />
    </div>
  );
}

/** What was decided when it was made. */
function Where({ workspace }: { readonly workspace: Workspace }) {
  const { runtime, place, project } = workspace;
  return (
    <section className={css.part} aria-labelledby="settings-where">
      <h2 id="settings-where">Where it stands</h2>
      <dl className={css.facts}>
        <dt>Type</dt>
        <dd>
          <PlaceLabel place={placeOf(runtime)} />
        </dd>
        <dt>Working directory</dt>
        <dd className={css.mono}>{place?.path ?? "not yet decided"}</dd>
        {place?.container !== undefined && (
          <>
            <dt>Container</dt>
            <dd className={css.mono}>{place.container}</dd>
          </>
        )}
        <dt>Project</dt>
        <dd className={css.mono}>{project.path}</dd>
      </dl>
      <p className={css.soft}>
        The type stays as it is: a checkout can't be found elsewhere. A fork can stand in another place.
      </p>
    </section>
  );
}

interface SettingsProps {
  readonly workspace: Workspace;
  readonly kind: FormKind;
  readonly testNow: boolean;
}

function Settings({ workspace, kind, testNow }: SettingsProps) {
  const client = useClient();
  const store = useStore();
  const mayChange = useMayReachOut();
  const stored: Config = workspace.runtime;
  const storedText = JSON.stringify(stored);
  const [base, setBase] = useState(stored);
  const [seen, setSeen] = useState(storedText);
  const [draft, setDraft] = useState<Draft>(() => draftOf(kind, stored));
  const [refused, setRefused] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const found = useProblems(kind, draft);
  const suggestions = useSuggestions(workspace.project.id);
  const problems: Problems = { ...fieldsOf(refused), ...found };
  const after = configOfDraft(kind, draft);
  const changed = changedFields(kind, base, after);
  const isChanged = Object.keys(changed).length > 0;
  const isNews = storedText !== seen;
  const elsewhere = isNews ? Object.keys(changedFields(kind, base, stored)) : [];
  const load = (config: Config) => {
    setBase(config);
    setDraft(draftOf(kind, config));
    setRefused(undefined);
  };
  const loadStored = () => {
    setSeen(storedText);
    load(stored);
  };
  // What others change is taken up, unless it would cost what was typed.
  if (isNews && !isChanged && !busy) loadStored();
  const isWrong = Object.keys(found).length > 0;
  const save = async () => {
    setBusy(true);
    setRefused(undefined);
    try {
      const params = { path: { workspace: workspace.id } };
      const now = await client.patch("/v1/workspaces/{workspace}/config", { params, body: changed });
      load(now);
      store.refresh("workspaces");
      say("The settings are saved");
    } catch (error) {
      setRefused(error);
    }
    setBusy(false);
  };
  const { env: _, ...tried } = after;
  const tryDraft = isChanged && (kind === "ssh" || kind === "container");
  const project = workspace.project.id;
  return (
    <>
      <section className={css.part} aria-labelledby="settings-runtime">
        <h2 id="settings-runtime">Settings</h2>
        {elsewhere.length > 0 && isChanged && (
          <Note
            kind="warn"
            title={`${elsewhere.join(", ")} changed elsewhere meanwhile`}
            actions={<Button onClick={loadStored}>Drop mine and show what is stored</Button>}
          >
            <p>Saving sends the fields that you changed; all others stay as they are stored.</p>
          </Note>
        )}
        <fieldset className={css.plain} disabled={!mayChange}>
          <RuntimeForm
            kind={kind}
            draft={draft}
            onChange={(next) => {
              setDraft(next);
              setRefused(undefined);
            }}
            problems={problems}
            suggestions={suggestions}
            isMade
          />
        </fieldset>
        {refused !== undefined && <ErrorNote error={refused} />}
        {mayChange && (
          <div className={css.save}>
            <Button kind="primary" busy={busy} disabled={!isChanged || isWrong} onClick={() => void save()}>
              Save
            </Button>
            <Button disabled={!isChanged || busy} onClick={loadStored}>
              Discard
            </Button>
            <span className={css.soft} role="status">
              {isWrong
                ? "Something has to be corrected first."
                : isChanged
                  ? `Not saved: ${Object.keys(changed).join(", ")}`
                  : "What runs goes on; what is begun after a change has it."}
            </span>
          </div>
        )}
        {isChanged && <Leaving />}
      </section>
      <ConnectionTest
        place={
          tryDraft
            ? isWrong
              ? undefined
              : { runtime: tried as RuntimeConfig, project }
            : { workspace: workspace.id }
        }
        keyPlace={kind === "ssh" ? { runtime: tried as RuntimeConfig, project } : undefined}
        about={tryDraft ? "As the form says, before it is saved." : "As the workspace is configured."}
        now={testNow}
      />
    </>
  );
}

/** What the runner refuses, at the fields that it names. */
function fieldsOf(error: unknown): Problems {
  if (typeof error !== "object" || error === null || !("context" in error)) return {};
  const { context, message } = error as {
    readonly context?: { readonly field?: unknown; readonly fields?: unknown };
    readonly message?: string;
  };
  const names = Array.isArray(context?.fields) ? context.fields : [context?.field];
  return Object.fromEntries(
    names.filter((name) => typeof name === "string").map((name) => [name, message ?? "is refused"]),
  );
}

/** Asks before what was typed is lost. */
function Leaving() {
  const [go, setGo] = useState<() => void>();
  useEffect(
    () =>
      guardLeaving((_path, leave) => {
        setGo(() => leave);
        return true;
      }),
    [],
  );
  if (go === undefined) return null;
  const stay = () => setGo(undefined);
  return (
    <Dialog
      title="Leave without saving?"
      onClose={stay}
      actions={
        <>
          <Button onClick={stay}>Stay here</Button>
          <Button kind="danger" onClick={go}>
            Leave, and lose the changes
          </Button>
        </>
      }
    >
      <p>What you changed in the settings is not saved yet.</p>
    </Dialog>
  );
}

/** How the hooks of the project have done, and once more. */
function SetUp({ workspace }: { readonly workspace: Workspace }) {
  const { work } = useStore();
  const mayOperate = useMay("operate");
  const { init, state, operation } = workspace;
  const isFree = state !== "stopped" && operation?.alive !== true;
  return (
    <section className={css.part} aria-labelledby="settings-set-up">
      <h2 id="settings-set-up">Set-up</h2>
      <p>{setUpWords(workspace)}</p>
      {init !== null && init.output !== "" && <Output text={init.output} isOpen={state === "init_failed"} />}
      {mayOperate && (
        <div>
          <Button
            icon="refresh"
            disabled={!isFree}
            onClick={() => {
              work.begin({ kind: "init", workspace: workspace.id }).then(openTray, sayError);
            }}
          >
            Run the set-up again
          </Button>
        </div>
      )}
    </section>
  );
}

function setUpWords({ init, project, state, operation }: Workspace): string {
  if (state === "initializing")
    return operation?.alive === true ? "It runs now." : "It was cut before its end.";
  if (init === null) return "It has not run yet.";
  if (init.skipped === "untrusted") return `${project.name} is not trusted: its hooks do not run.`;
  if (init.exit === null) return "The project has no hook that sets a workspace up.";
  const { exit_code: code, signal } = init.exit;
  const when = new Date(init.ended_at).toLocaleString();
  if (code === 0) return `It ran well, until ${when}.`;
  return `It failed with ${signal === null ? `exit code ${code}` : signal}, at ${when}.`;
}
