import { type FormEvent, useEffect, useRef, useState } from "react";
import { useMayReachOut, useStore } from "../../state/context.ts";
import type { Operation, Workspace } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckField, TextField } from "../../ui/field.tsx";
import { ErrorNote, Note, toldError } from "../../ui/notes.tsx";
import { Progress } from "../../ui/progress.tsx";
import { say } from "../../ui/toasts.tsx";
import css from "./dialogs.module.css";
import { type DetailedError, type Loss, lossesOf, processesOf, type Way } from "./losses.ts";
import { useOperation } from "./operation-card.tsx";
import { operationResult } from "./operation-words.ts";
import { sharesRepository } from "./place-of.ts";

interface DeleteDialogProps {
  readonly workspace: Workspace;
  readonly onClose: () => void;
  /** It is gone; who shows it goes elsewhere. */
  readonly onDeleted: () => void;
}

/** Deletes when nothing is lost; else shows what would be, how it is kept, and only then takes its name as a yes. */
export function DeleteDialog({ workspace, onClose, onDeleted }: DeleteDialogProps) {
  const { work } = useStore();
  const { id, name, branch, runtime } = workspace;
  const [keepBranch, setKeepBranch] = useState(false);
  const [begun, setBegun] = useState<Operation>();
  const [refused, setRefused] = useState<unknown>();
  const [typed, setTyped] = useState("");
  const current = useOperation(begun)?.operation;
  const isBusy = current?.state === "running";
  const error = refused ?? (current?.state === "failed" ? current.error : undefined);
  const losses =
    error === undefined || error === null ? undefined : lossesOf(detailed(error), sharesRepository(runtime));
  const handled = useRef<string>(undefined);
  useEffect(() => {
    if (current === undefined || current.state === "running" || handled.current === current.id) return;
    handled.current = current.id;
    // It is told here.
    work.dismiss(current.id);
    if (current.state !== "succeeded") return;
    say([`${name} is deleted`, operationResult(current)].filter(Boolean).join(". "));
    onDeleted();
  }, [current, work, name, onDeleted]);
  const begin = async (force: boolean) => {
    setRefused(undefined);
    setTyped("");
    try {
      setBegun(await work.begin({ kind: "delete", workspace: id, force, keepBranch }));
    } catch (cause) {
      setBegun(undefined);
      setRefused(cause);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    if (losses === undefined) void begin(false);
    else if (typed === name) void begin(true);
  };
  return (
    <Dialog
      title={`Delete ${name}`}
      wide={losses !== undefined}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>{isBusy ? "Close, it goes on" : "Keep it"}</Button>
          {losses !== undefined && (
            <Button busy={isBusy} onClick={() => void begin(false)}>
              Delete if nothing is lost
            </Button>
          )}
          <Button
            kind="danger"
            type="submit"
            form="delete"
            busy={isBusy}
            disabled={losses !== undefined && typed !== name}
          >
            {losses === undefined ? "Delete" : "Delete and lose this"}
          </Button>
        </>
      }
    >
      <form id="delete" onSubmit={submit} className={css.form}>
        {losses === undefined ? (
          <p>{whatGoes(workspace)} It is refused when work would be lost.</p>
        ) : (
          <>
            <Note kind="warn" title="This would be lost">
              <p>Nothing was deleted. Keep it in the ways shown; what is kept is not lost any more.</p>
            </Note>
            <div className={css.losses}>
              {losses.map((loss) => (
                <LossShown
                  key={loss.what}
                  loss={loss}
                  workspace={workspace}
                  isBranchKept={keepBranch}
                  onKeepBranch={() => setKeepBranch(!keepBranch)}
                />
              ))}
            </div>
            <Running names={processesOf(detailed(error))} />
          </>
        )}
        {error !== undefined && error !== null && losses === undefined && <ErrorNote error={error} />}
        {isBusy && <Progress label={current.progress?.message ?? "Looking at what is there"} />}
        {workspace.owns_branch && !losses?.some(({ ways }) => ways.includes("keep-branch")) && (
          <CheckField
            label={`Keep the branch ${branch}`}
            hint="In the project's repository, with its commits."
            checked={keepBranch}
            onChange={setKeepBranch}
          />
        )}
        {losses !== undefined && (
          <TextField
            label={`Type ${name} to delete it all the same`}
            mono
            value={typed}
            onChange={setTyped}
          />
        )}
      </form>
    </Dialog>
  );
}

function detailed(error: unknown): DetailedError {
  return typeof error === "object" && error !== null && "code" in error
    ? (error as DetailedError)
    : toldError(error);
}

function whatGoes({ owns_checkout: owns, runtime, place }: Workspace): string {
  if (!owns) return "Berth forgets the workspace; the directory stays as it is.";
  if (runtime.type === "docker" && "image" in runtime) return "Its container and its volume are removed.";
  return `Its checkout${place === null ? "" : ` ${place.path}`} is removed, and what runs in it is ended.`;
}

function Running({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null;
  return <p>These run there and would be ended: {names.join(", ")}.</p>;
}

interface LossShownProps {
  readonly loss: Loss;
  readonly workspace: Workspace;
  readonly isBranchKept: boolean;
  readonly onKeepBranch: () => void;
}

function LossShown({ loss: { what, items, ways }, ...rest }: LossShownProps) {
  return (
    <section className={css.loss} aria-label={what}>
      <h3>
        {what}
        {items.length > 0 && ` (${items.length})`}
      </h3>
      {items.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by the keyboard
        <ul className={css.list} tabIndex={0} aria-label={what}>
          {items.map((item) => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      )}
      <div className={css.ways}>
        {ways.map((way) => (
          <WayShown key={typeof way === "string" ? way : way.words} way={way} {...rest} />
        ))}
      </div>
    </section>
  );
}

interface WayShownProps {
  readonly way: Way;
  readonly workspace: Workspace;
  readonly isBranchKept: boolean;
  readonly onKeepBranch: () => void;
}

function WayShown({ way, workspace, isBranchKept, onKeepBranch }: WayShownProps) {
  const { work } = useStore();
  const [begun, setBegun] = useState<Operation>();
  const [refused, setRefused] = useState<unknown>();
  const current = useOperation(begun)?.operation;
  const error = refused ?? (current?.state === "failed" ? current.error : undefined);
  const ended = current !== undefined && current.state !== "running" ? current.id : undefined;
  useEffect(() => {
    if (ended !== undefined) work.dismiss(ended);
  }, [work, ended]);
  const mayReachOut = useMayReachOut();
  if (typeof way === "object") return <span>{way.words}</span>;
  if (way === "keep-branch") {
    return (
      <>
        <Button icon={isBranchKept ? "check" : "branch"} aria-pressed={isBranchKept} onClick={onKeepBranch}>
          Keep the branch
        </Button>
        <span>leaves {workspace.branch} with them in the project's repository</span>
      </>
    );
  }
  const begin = async () => {
    setRefused(undefined);
    try {
      setBegun(await work.begin({ kind: way, workspace: workspace.id }));
    } catch (cause) {
      setRefused(cause);
    }
  };
  if (!mayReachOut) return <span>{REFUSED[way]}</span>;
  const isDone = current?.state === "succeeded";
  return (
    <>
      <Button
        icon={isDone ? "check" : "download"}
        busy={current?.state === "running"}
        onClick={() => void begin()}
      >
        {way === "pull" ? "Pull the commits" : "Apply to the project's checkout"}
      </Button>
      <span role="status">{isDone ? (operationResult(current) ?? "Done") : WAYS[way]}</span>
      {error !== undefined && error !== null && <ErrorNote error={error} />}
    </>
  );
}

/** For a token that is limited to workspaces. */
const REFUSED = {
  pull: "Who may use the project's repository can pull them.",
  apply: "Who may use the project's checkout can apply them there.",
} as const;

const WAYS = {
  pull: "brings them into the project's repository",
  apply: "copies them there, uncommitted; here they stay",
} as const;
