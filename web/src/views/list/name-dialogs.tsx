import { type FormEvent, useState } from "react";
import { useStore, useWorkspaces } from "../../state/context.ts";
import type { Workspace } from "../../state/store.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { CheckField, TextField } from "../../ui/field.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { useSuggestions } from "../place/use-suggestions.ts";
import css from "./dialogs.module.css";
import { branchNameProblem, freeName, nameProblem } from "./name-problem.ts";
import { openTray } from "./operation-tray.tsx";

interface WorkspaceDialogProps {
  readonly workspace: Workspace;
  readonly onClose: () => void;
}

/** Names in the project of a workspace, without its own. */
function useNamesBeside({ id, project }: Workspace): readonly string[] {
  return (useWorkspaces() ?? [])
    .filter((one) => one.project.id === project.id && one.id !== id)
    .map(({ name }) => name);
}

export function ForkDialog({ workspace, onClose }: WorkspaceDialogProps) {
  const { work } = useStore();
  const beside = useNamesBeside(workspace);
  const taken = [...beside, workspace.name];
  const [name, setName] = useState(() => freeName(taken, workspace.name.replace(/-\d+$/, "").slice(0, 54)));
  const [branch, setBranch] = useState("");
  const [runtime, setRuntime] = useState("");
  const named = useSuggestions(workspace.project.id)?.named ?? [];
  const [changes, setChanges] = useState(true);
  const [init, setInit] = useState(true);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const problems = [nameProblem(name, taken), branchNameProblem(branch)];
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (problems.some((one) => one !== undefined)) return;
    setBusy(true);
    const body = { name, changes, skip_init: !init, ...given({ branch, runtime: runtime.trim() }) };
    try {
      await work.begin({ kind: "fork", workspace: workspace.id, body });
      openTray();
      onClose();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Fork ${workspace.name}`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Not now</Button>
          <Button kind="primary" type="submit" form="fork" busy={busy}>
            Fork
          </Button>
        </>
      }
    >
      <form id="fork" onSubmit={(event) => void submit(event)} className={css.form}>
        <p>Makes another workspace with what this one has now.</p>
        <TextField label="Name" mono value={name} onChange={setName} error={problems[0]} />
        <TextField
          label="Branch"
          optional
          mono
          value={branch}
          onChange={setBranch}
          error={problems[1]}
          placeholder={name}
        />
        <TextField
          label="Place"
          optional
          mono
          value={runtime}
          onChange={setRuntime}
          placeholder="as this one"
          suggestions={named.map(({ name, type }) => ({ value: name, label: type }))}
          hint="Another one by its name of berth.yaml or as a URI: worktree:, docker-image:node:24, ssh://dev@box"
        />
        <CheckField
          label="With what is not committed"
          hint="Changed and untracked files travel too."
          checked={changes}
          onChange={setChanges}
        />
        <CheckField label="Run the set-up in it" checked={init} onChange={setInit} />
      </form>
      {error !== undefined && <ErrorNote error={error} />}
    </Dialog>
  );
}

/** Fields in which something stands. */
function given<Fields extends Readonly<Record<string, string>>>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== "")) as Partial<Fields>;
}

export function RenameDialog({ workspace, onClose }: WorkspaceDialogProps) {
  const { work } = useStore();
  const taken = useNamesBeside(workspace);
  const [name, setName] = useState(workspace.name);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const problem = nameProblem(name, taken);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (problem !== undefined || name === workspace.name) return;
    setBusy(true);
    try {
      await work.begin({ kind: "rename", workspace: workspace.id, name });
      onClose();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Rename ${workspace.name}`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Not now</Button>
          <Button
            kind="primary"
            type="submit"
            form="rename"
            busy={busy}
            disabled={problem !== undefined || name === workspace.name}
          >
            Rename
          </Button>
        </>
      }
    >
      <form id="rename" onSubmit={(event) => void submit(event)} className={css.form}>
        <TextField
          label="Name"
          mono
          value={name}
          onChange={setName}
          error={problem}
          hint="The branch keeps its name, and what runs goes on. A checkout that Berth made moves to a directory of the new name."
        />
      </form>
      {error !== undefined && <ErrorNote error={error} />}
    </Dialog>
  );
}
