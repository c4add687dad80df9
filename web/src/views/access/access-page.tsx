import { useMay } from "../../state/context.ts";
import { Note } from "../../ui/notes.tsx";
import css from "./access.module.css";
import { Sessions } from "./sessions.tsx";
import { Tokens } from "./tokens.tsx";

/** Who may use the runner: tokens of programs and people, and the browsers that are signed in. */
export function AccessPage() {
  const isAdmin = useMay("admin");
  return (
    <div className={css.page}>
      <h1>Tokens and sessions</h1>
      <Sessions />
      {isAdmin ? (
        <Tokens />
      ) : (
        <section className={css.part} aria-labelledby="tokens">
          <h2 id="tokens">Tokens</h2>
          <Note kind="info" title="Tokens are seen and made with the scope admin" />
        </section>
      )}
    </div>
  );
}
