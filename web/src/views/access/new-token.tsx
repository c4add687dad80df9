import { type FormEvent, useId, useState } from "react";
import { useClient, useWorkspaces } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ErrorNote, Note } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import css from "./access.module.css";
import { EXPIRIES, tokenBody, tokenNameProblem } from "./token-form.ts";

interface NewTokenProps {
  readonly onClose: () => void;
  readonly onMade: () => void;
  readonly taken: readonly string[];
}

const SCOPES = [
  { value: "read", label: "read: look at everything, change nothing" },
  { value: "operate", label: "operate: work in workspaces, make and delete them" },
  { value: "admin", label: "admin: also tokens, trust and host keys" },
] as const;

/** What it may do, and for how long; then its secret, once. */
export function NewToken({ onClose, onMade, taken }: NewTokenProps) {
  const client = useClient();
  const id = useId();
  const workspaces = useWorkspaces() ?? [];
  const [name, setName] = useState("");
  const [scope, setScope] = useState<string>("operate");
  const [limits, setLimits] = useState<readonly string[]>();
  const [expiry, setExpiry] = useState("30");
  const [isAsked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [secret, setSecret] = useState<string>();
  const problem = tokenNameProblem(name, taken);
  const none = limits?.length === 0;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    if (problem !== undefined || none) return;
    setBusy(true);
    setError(undefined);
    try {
      const body = tokenBody({ name, scope, limits, days: expiry });
      const made = await client.post("/v1/tokens", { body });
      setSecret(made.secret);
      onMade();
    } catch (cause) {
      setError(cause);
    }
    setBusy(false);
  };
  if (secret !== undefined) return <Secret name={name} secret={secret} onClose={onClose} />;
  const toggle = (one: string) => {
    const chosen = limits ?? [];
    setLimits(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  };
  return (
    <Dialog
      title="New token"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Not now</Button>
          <Button kind="primary" type="submit" form={id} busy={busy}>
            Make the token
          </Button>
        </>
      }
    >
      <form id={id} onSubmit={(event) => void submit(event)} className={css.form} noValidate>
        <TextField
          label="Name"
          value={name}
          onChange={setName}
          placeholder="ci"
          error={isAsked || name !== "" ? problem : undefined}
          hint="What it is for: events and logs say it."
        />
        <SelectField label="Scope" value={scope} onChange={setScope} options={SCOPES} />
        <SelectField
          label="Workspaces"
          value={limits === undefined ? "all" : "some"}
          onChange={(value) => setLimits(value === "all" ? undefined : [])}
          options={[
            { value: "all", label: "All, also later ones" },
            { value: "some", label: "Only these", disabled: workspaces.length === 0 },
          ]}
        />
        {limits !== undefined && (
          <fieldset className={css.limits}>
            <legend className="unseen">Workspaces that it is limited to</legend>
            {workspaces.map((one) => (
              <label key={one.id}>
                <input type="checkbox" checked={limits.includes(one.id)} onChange={() => toggle(one.id)} />{" "}
                {one.project.name}/{one.name}
              </label>
            ))}
          </fieldset>
        )}
        {isAsked && none && <p className={css.error}>At least one has to be chosen.</p>}
        <SelectField label="Expires" value={expiry} onChange={setExpiry} options={EXPIRIES} />
      </form>
      {error !== undefined && <ErrorNote error={error} />}
    </Dialog>
  );
}

interface SecretProps {
  readonly name: string;
  readonly secret: string;
  readonly onClose: () => void;
}

function Secret({ name, secret, onClose }: SecretProps) {
  const copy = () => {
    navigator.clipboard.writeText(secret).then(() => say("The token is in the clipboard"), sayError);
  };
  return (
    <Dialog
      title={`The token ${name}`}
      onClose={onClose}
      actions={
        <>
          <Button icon="copy" onClick={copy}>
            Copy
          </Button>
          <Button kind="primary" onClick={onClose}>
            I have it
          </Button>
        </>
      }
    >
      <Note kind="warn" title="It is shown only now">
        <p>Keep it where only its user can read it. A token that is lost is revoked, and another one made.</p>
      </Note>
      <p role="status" className="unseen">
        The token {name} is made
      </p>
      <code className={css.secret}>{secret}</code>
    </Dialog>
  );
}
