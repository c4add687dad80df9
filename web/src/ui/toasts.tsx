import { useObservable, Variable } from "../state/observable.ts";
import { IconButton } from "./button.tsx";
import { ErrorNote, Note } from "./notes.tsx";
import css from "./toasts.module.css";

interface Toast {
  readonly id: number;
  readonly text?: string;
  readonly error?: unknown;
}

const SHOWN_MS = 6000;
const MOST = 4;
const toasts = new Variable<readonly Toast[]>([]);
let next = 1;

/** Said once, and gone after a while. */
export function say(text: string): void {
  const id = add({ text });
  setTimeout(() => remove(id), SHOWN_MS);
}

/** What failed without a place of its own on the page; stays until it is closed. */
export function sayError(error: unknown): void {
  add({ error });
}

function add(toast: Omit<Toast, "id">): number {
  const id = next++;
  toasts.set([...toasts.get().slice(-(MOST - 1)), { id, ...toast }]);
  return id;
}

function remove(id: number): void {
  toasts.set(toasts.get().filter((one) => one.id !== id));
}

export function Toasts() {
  const shown = useObservable(toasts);
  return (
    <div className={css.toasts} role="status" aria-live="polite">
      {shown.map(({ id, text, error }) => (
        <div key={id} className={css.toast}>
          {error === undefined ? <Note kind="info" title={text} /> : <ErrorNote error={error} />}
          <IconButton
            icon="close"
            label="Close this message"
            className={css.close}
            onClick={() => remove(id)}
          />
        </div>
      ))}
    </div>
  );
}
