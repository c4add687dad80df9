import { errorEntry } from "../../../src/contract/errors.ts";
import css from "./error-page.module.css";

/** What a code of an error means, and what to do: the same words as docs/errors.md has. */
export function ErrorPage({ code }: { readonly code: string }) {
  const entry = errorEntry(code);
  return (
    <article className={css.page}>
      <h1>
        <code>{code}</code>
      </h1>
      {entry === undefined ? (
        <p>
          This version of the page knows no such code. Codes of files are the system's own names, such as
          ENOENT.
        </p>
      ) : (
        <dl className={css.list}>
          <dt>What happened</dt>
          <dd>{entry.message}</dd>
          <dt>What to do</dt>
          <dd>{entry.hint}</dd>
          <dt>Worth a retry</dt>
          <dd>
            {entry.retryable ? "Yes: it may pass by itself." : "No: something has to be changed first."}
          </dd>
        </dl>
      )}
      <p className={css.soft}>Words in braces stand for what the error itself names.</p>
    </article>
  );
}
