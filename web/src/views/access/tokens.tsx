import { useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { useCommands } from "../../shell/commands.ts";
import { useClient, useToken, useWorkspaces } from "../../state/context.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Empty, ErrorNote, Note, Waiting } from "../../ui/notes.tsx";
import { Ago } from "../../ui/time.tsx";
import { say } from "../../ui/toasts.tsx";
import css from "./access.module.css";
import { NewToken } from "./new-token.tsx";
import { useList } from "./use-list.ts";

export type Token = components["schemas"]["Token"];

const TONES = { read: "soft", operate: "accent", admin: "warn" } as const;

/** What programs and people use the API with. */
export function Tokens() {
  const client = useClient();
  const own = useToken();
  const [isMaking, setMaking] = useState(false);
  const [revoked, setRevoked] = useState<Token>();
  useCommands([{ id: "new-token", title: "New token", run: () => setMaking(true) }]);
  const { items, error, refresh } = useList(
    (query, signal) => client.get("/v1/tokens", { params: { query }, signal }),
    ({ type }) => type.startsWith("token."),
  );
  return (
    <section className={css.part} aria-labelledby="tokens">
      <header className={css.head}>
        <h2 id="tokens" tabIndex={-1}>
          Tokens
        </h2>
        <Button icon="plus" onClick={() => setMaking(true)}>
          New token
        </Button>
      </header>
      <p className={css.soft}>
        A token is what a program, or another machine, uses this runner with. A browser that is signed in by
        one has its scope and workspaces, and is signed out with it.
      </p>
      {error !== undefined && (
        <ErrorNote error={error} actions={<Button onClick={refresh}>Ask again</Button>} />
      )}
      {items === undefined && error === undefined && <Waiting what="Loading…" />}
      {items?.length === 0 && <Empty icon="key" title="There is no token" />}
      {items !== undefined && items.length > 0 && (
        <ul className={css.list}>
          {items.map((one) => (
            <OneToken key={one.id} token={one} isOwn={one.id === own.id} onRevoke={() => setRevoked(one)} />
          ))}
        </ul>
      )}
      {isMaking && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={refresh}
          taken={(items ?? []).map(({ name }) => name)}
        />
      )}
      {revoked !== undefined && (
        <Revoke
          token={revoked}
          isOwn={revoked.id === own.id}
          onClose={() => setRevoked(undefined)}
          onRevoked={() => {
            setRevoked(undefined);
            refresh();
            document.getElementById("tokens")?.focus();
          }}
        />
      )}
    </section>
  );
}

interface OneTokenProps {
  readonly token: Token;
  readonly isOwn: boolean;
  readonly onRevoke: () => void;
}

function OneToken({ token, isOwn, onRevoke }: OneTokenProps) {
  const workspaces = useWorkspaces() ?? [];
  const { name, scope, created_at: created, last_used_at: used, expires_at: expires } = token;
  const limits = token.workspaces?.map((id) => workspaces.find((one) => one.id === id)?.name ?? id);
  return (
    <li className={css.item}>
      <div className={css.main}>
        <span className={css.name}>{name}</span> <Badge tone={TONES[scope]}>{scope}</Badge>{" "}
        {isOwn && <Badge>signed in by it</Badge>}
        <p className={css.soft}>{limits === undefined ? "All workspaces" : `Only ${limits.join(", ")}`}</p>
      </div>
      <p className={css.facts}>
        <span>
          made <Ago time={created} />
        </span>
        <span>{used === null ? "never used" : <>used {<Ago time={used} />}</>}</span>
        <span>{expires === null ? "does not expire" : `expires ${new Date(expires).toLocaleString()}`}</span>
      </p>
      <Button icon="trash" onClick={onRevoke} aria-label={`Revoke ${name}`}>
        Revoke
      </Button>
    </li>
  );
}

interface RevokeProps {
  readonly token: Token;
  readonly isOwn: boolean;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}

function Revoke({ token: { id, name }, isOwn, onClose, onRevoked }: RevokeProps) {
  const client = useClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const revoke = async () => {
    setBusy(true);
    try {
      await client.delete("/v1/tokens/{id}", { params: { path: { id } } });
      say(`The token ${name} is not valid any more`);
      onRevoked();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title={`Revoke ${name}`}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" busy={busy} onClick={() => void revoke()}>
            Revoke
          </Button>
        </>
      }
    >
      <p>
        Whatever uses it is refused from now on, its connections end, and browsers that were signed in by it
        are signed out. It can't be taken back.
      </p>
      {isOwn && (
        <Note kind="warn" title="This browser is signed in by it">
          <p>You are signed out, and need another token or berth open to come back.</p>
        </Note>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </Dialog>
  );
}
