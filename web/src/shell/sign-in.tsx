import { type FormEvent, useState } from "react";
import { signIn } from "../state/session.ts";
import { Button } from "../ui/button.tsx";
import { TextField } from "../ui/field.tsx";
import { ErrorNote, Note } from "../ui/notes.tsx";
import css from "./sign-in.module.css";

/** By the link of `berth open`; or, for a runner elsewhere, by a token. */
export function SignIn({ reason }: { readonly reason?: string | undefined }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await signIn({ token: token.trim() });
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <main className={css.room}>
      <form className={css.card} onSubmit={(event) => void submit(event)} aria-labelledby="sign-in">
        <img src="/favicon.svg" alt="" width={40} height={40} />
        <h1 id="sign-in">Sign in to Berth</h1>
        {reason !== undefined && error === undefined && <Note kind="info" title={reason} />}
        {error !== undefined && <ErrorNote error={error} />}
        <p>
          Where the runner runs, <code>berth open</code> opens this page and signs you in.
        </p>
        <TextField
          label="Or paste a token"
          type="password"
          name="token"
          mono
          value={token}
          onChange={setToken}
          placeholder="berth_…"
          autoComplete="off"
        />
        <Button kind="primary" type="submit" busy={busy} disabled={token.trim() === ""}>
          Sign in
        </Button>
      </form>
    </main>
  );
}
