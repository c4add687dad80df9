import { useState } from "react";
import { useClient } from "../../state/context.ts";
import { signOut } from "../../state/session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { ErrorNote, Waiting } from "../../ui/notes.tsx";
import { Ago } from "../../ui/time.tsx";
import { say, sayError } from "../../ui/toasts.tsx";
import css from "./access.module.css";
import { browserName } from "./browser-name.ts";
import { useList } from "./use-list.ts";

/** Browsers that are signed in; this one first. */
export function Sessions() {
  const client = useClient();
  const [busy, setBusy] = useState<string>();
  const { items, error, refresh } = useList(
    (query, signal) => client.get("/v1/sessions", { params: { query }, signal }),
    ({ type }) => type.startsWith("session."),
  );
  const end = async (id: string) => {
    setBusy(id);
    try {
      await client.delete("/v1/sessions/{id}", { params: { path: { id } } });
      say("That browser is signed out");
    } catch (cause) {
      sayError(cause);
    }
    setBusy(undefined);
    refresh();
    document.getElementById("sessions")?.focus();
  };
  const sorted = items?.toSorted(
    (a, b) => Number(b.current) - Number(a.current) || b.last_used_at.localeCompare(a.last_used_at),
  );
  return (
    <section className={css.part} aria-labelledby="sessions">
      <h2 id="sessions" tabIndex={-1}>
        Signed-in browsers
      </h2>
      {error !== undefined && (
        <ErrorNote error={error} actions={<Button onClick={refresh}>Ask again</Button>} />
      )}
      {sorted === undefined && error === undefined && <Waiting what="Loading…" />}
      {sorted !== undefined && (
        <ul className={css.list}>
          {sorted.map((one) => (
            <li key={one.id} className={css.item}>
              <div className={css.main}>
                <span className={css.name} title={one.user_agent ?? undefined}>
                  {browserName(one.user_agent)}
                </span>{" "}
                {one.current && <Badge tone="accent">this browser</Badge>}
                <p className={css.soft}>By the token {one.token_name}</p>
              </div>
              <p className={css.facts}>
                <span>
                  signed in <Ago time={one.created_at} />
                </span>
                <span>
                  used <Ago time={one.last_used_at} />
                </span>
                <span>ends {new Date(one.expires_at).toLocaleDateString()}</span>
              </p>
              {one.current ? (
                <Button icon="signOut" onClick={() => void signOut().catch(sayError)}>
                  Sign out
                </Button>
              ) : (
                <Button
                  busy={busy === one.id}
                  onClick={() => void end(one.id)}
                  aria-label={`Sign it out: ${browserName(one.user_agent)}, ${one.token_name}`}
                >
                  Sign it out
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
