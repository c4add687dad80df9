import { type FormEvent, useState } from "react";
import { useClient } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { say } from "../../ui/toasts.tsx";
import { OpenPreview } from "./open-preview.tsx";
import { portOf } from "./port-number.ts";
import css from "./ports.module.css";

interface AddPortProps {
  readonly workspace: string;
  readonly onAdded: () => void;
}

/** A preview or a forward of a port that one knows. */
export function AddPort({ workspace, onAdded }: AddPortProps) {
  const client = useClient();
  const [remote, setRemote] = useState("");
  const [local, setLocal] = useState("");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const port = portOf(remote);
  const localPort = local.trim() === "" ? 0 : portOf(local);
  const isWrong = remote.trim() !== "" && port === undefined;
  const forward = async (event: FormEvent) => {
    event.preventDefault();
    if (port === undefined || localPort === undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      const made = await client.post("/v1/workspaces/{workspace}/forwards", {
        params: { path: { workspace } },
        body: { remote_port: port, local_port: localPort },
      });
      say(`127.0.0.1:${made.local_port} of the runner's machine leads to port ${port}`);
      setRemote("");
      setLocal("");
      onAdded();
    } catch (reason) {
      setError(reason);
    }
    setBusy(false);
  };
  return (
    <form className={css.add} onSubmit={(event) => void forward(event)} aria-label="Add a port">
      <div className={css.fields}>
        <TextField
          label="Port of the place"
          inputMode="numeric"
          placeholder="3000"
          value={remote}
          error={isWrong ? "A port is a number from 1 to 65535." : undefined}
          onChange={setRemote}
        />
        <TextField
          label="Local port"
          optional
          inputMode="numeric"
          placeholder="any free one"
          value={local}
          error={localPort === undefined ? "A port is a number from 1 to 65535." : undefined}
          onChange={setLocal}
        />
        <div className={css.buttons}>
          {port === undefined ? (
            <Button icon="external" disabled>
              Open
            </Button>
          ) : (
            <OpenPreview workspace={workspace} port={port} onOpened={onAdded} />
          )}
          <Button type="submit" icon="port" busy={isBusy} disabled={port === undefined}>
            Forward
          </Button>
        </div>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
    </form>
  );
}
