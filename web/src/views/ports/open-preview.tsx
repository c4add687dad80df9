import { useState } from "react";
import { useClient } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import css from "./open-preview.module.css";

interface OpenPreviewProps {
  readonly workspace: string;
  readonly port: number;
  /** As something that has just come up; else only a button. */
  readonly isOffer?: boolean;
  /** The main thing to do here. */
  readonly isPrimary?: boolean;
  readonly onOpened?: () => void;
}

/** Opens a port of the workspace in a tab of its own, by an address that works once. */
export function OpenPreview({
  workspace,
  port,
  isOffer = false,
  isPrimary = false,
  onOpened,
}: OpenPreviewProps) {
  const client = useClient();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [isClosed, setClosed] = useState(false);
  const open = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const params = { path: { workspace } };
      const { url, open_url } = await client.post("/v1/workspaces/{workspace}/previews", {
        params,
        body: { port },
      });
      window.open(open_url ?? url, "_blank", "noopener,noreferrer");
      onOpened?.();
    } catch (reason) {
      setError(reason);
    }
    setBusy(false);
  };
  if (isClosed) return null;
  const button = (
    <Button
      icon="external"
      busy={isBusy}
      kind={isPrimary ? "primary" : "plain"}
      aria-label={isOffer ? `Open preview of port ${port}` : `Open port ${port}`}
      onClick={() => void open()}
    >
      {isOffer ? "Open preview" : "Open"}
    </Button>
  );
  return (
    <>
      {error !== undefined && <ErrorNote error={error} />}
      {isOffer ? (
        <p className={css.offer}>
          <Icon name="port" />
          <span className={css.words}>It says that it listens on port {port}.</span>
          {button}
          <Button kind="quiet" aria-label={`Not now: port ${port}`} onClick={() => setClosed(true)}>
            Not now
          </Button>
        </p>
      ) : (
        button
      )}
    </>
  );
}
