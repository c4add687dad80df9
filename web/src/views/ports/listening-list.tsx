import { useEffect, useState } from "react";
import { isBerthError } from "../../../../src/client/index.ts";
import { useClient, useMay } from "../../state/context.ts";
import type { Live } from "../../state/live.ts";
import { workspacePath } from "../../state/router.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Link } from "../../ui/link.tsx";
import { Empty, ErrorNote, Note, Waiting } from "../../ui/notes.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import { visible } from "../../ui/visible.ts";
import { OpenPreview } from "./open-preview.tsx";
import { addressText, newPorts } from "./port-number.ts";
import css from "./ports.module.css";
import type { Forward, ListeningPort, Preview } from "./ports-view.tsx";

interface ListeningListProps {
  readonly workspace: string;
  readonly listening: Live<readonly ListeningPort[]>;
  readonly previews: readonly Preview[];
  readonly forwards: readonly Forward[];
  readonly onAdded: () => void;
}

/** What listens in the place now; what has begun to since one looks is marked. */
export function ListeningList({ workspace, listening, previews, forwards, onAdded }: ListeningListProps) {
  const { value, error, isLoading, refresh } = listening;
  const [first, setFirst] = useState<readonly number[]>();
  useEffect(() => {
    if (value !== undefined) setFirst((before) => before ?? value.map(({ port }) => port));
  }, [value]);
  // A place may be a whole machine: what Berth has started there comes first.
  const own = (value ?? []).filter(({ process_id: process }) => process !== null);
  const others = (value ?? []).filter(({ process_id: process }) => process === null);
  const fresh = newPorts(
    first,
    own.map(({ port }) => port),
  );
  const row = (one: ListeningPort) => (
    <ListeningRow
      key={`${one.host} ${one.port}`}
      workspace={workspace}
      listening={one}
      isNew={fresh.includes(one.port)}
      hasPreview={previews.some(({ port }) => port === one.port)}
      hasForward={forwards.some(({ remote_port }) => remote_port === one.port)}
      onAdded={onAdded}
    />
  );
  return (
    <section aria-labelledby="ports-listening" className={css.part}>
      <h2 id="ports-listening">Listening in the place</h2>
      {error !== undefined &&
        (isBerthError(error, "runtime.capability_unsupported") ? (
          <Note kind="info" title="This place does not tell what listens in it">
            <p>Previews and forwards work all the same where you know the port: type it above.</p>
          </Note>
        ) : (
          <ErrorNote error={error} actions={<Button onClick={refresh}>Try again</Button>} />
        ))}
      {value === undefined && isLoading && <Waiting what="Asking the place…" />}
      {value?.length === 0 && (
        <Empty icon="port" title="Nothing listens here">
          <p>Start a server in a terminal or as a process: its port appears here.</p>
        </Empty>
      )}
      {own.length > 0 && <ul className={css.list}>{own.map(row)}</ul>}
      {others.length > 0 && (
        <details className={css.others} open={own.length === 0}>
          <summary>
            {own.length === 0 ? "Of other programs" : "Also of other programs"}: {others.length}
          </summary>
          <ul className={css.list}>{others.map(row)}</ul>
        </details>
      )}
      <p className="unseen" role="status">
        {fresh.length > 0 && `Port ${fresh.join(", ")} listens now`}
      </p>
    </section>
  );
}

interface ListeningRowProps {
  readonly workspace: string;
  readonly listening: ListeningPort;
  readonly isNew: boolean;
  readonly hasPreview: boolean;
  readonly hasForward: boolean;
  readonly onAdded: () => void;
}

function ListeningRow({ workspace, listening, isNew, hasPreview, hasForward, onAdded }: ListeningRowProps) {
  const { port, host, process_id: process, command } = listening;
  const client = useClient();
  const mayOperate = useMay("operate");
  const [isBusy, setBusy] = useState(false);
  const forward = async () => {
    setBusy(true);
    try {
      const made = await client.post("/v1/workspaces/{workspace}/forwards", {
        params: { path: { workspace } },
        body: { remote_port: port },
      });
      say(`127.0.0.1:${made.local_port} of the runner's machine leads to port ${port}`);
      onAdded();
    } catch (error) {
      sayError(error);
    }
    setBusy(false);
  };
  return (
    <li className={css.row}>
      <span className={css.port}>{port}</span>
      <span className={css.about}>
        <code>{addressText(host, port)}</code>
        {command !== null && <span>{visible(command)}</span>}
        {process !== null && <Link to={workspacePath(workspace, "processes", { process })}>its process</Link>}
        {isNew && <Badge tone="accent">new</Badge>}
        {hasPreview && <Badge>preview</Badge>}
        {hasForward && <Badge>forwarded</Badge>}
      </span>
      {mayOperate && (
        <span className={css.buttons}>
          <OpenPreview workspace={workspace} port={port} isPrimary={isNew} onOpened={onAdded} />
          {!hasForward && (
            <Button
              icon="port"
              busy={isBusy}
              aria-label={`Forward port ${port}`}
              onClick={() => void forward()}
            >
              Forward
            </Button>
          )}
        </span>
      )}
    </li>
  );
}
