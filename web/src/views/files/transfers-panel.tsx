import { count } from "../../diff/rows.ts";
import { useObservable } from "../../state/observable.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { shortBytes } from "../../ui/format.ts";
import { toldError } from "../../ui/notes.tsx";
import { Progress } from "../../ui/progress.tsx";
import css from "./files.module.css";
import { sumOf, type Transfer, type Transfers } from "./transfers.ts";

/** Of each kind; the rest is a number. */
const MOST_SHOWN = 8;

/** Uploads and downloads: how far they are, what is in the way, and how to end them. */
export function TransfersPanel({ transfers }: { readonly transfers: Transfers }) {
  const list = useObservable(transfers.list);
  if (list.length === 0) return null;
  const of = (...states: readonly Transfer["state"][]) => list.filter(({ state }) => states.includes(state));
  const [running, waiting, exist, failed] = [of("running"), of("waiting"), of("exists"), of("failed")];
  const going = [...running, ...waiting];
  const sum = sumOf(list);
  const ids = (some: readonly Transfer[]) => some.map(({ id }) => id);
  return (
    <section className={css.transfers} aria-label="Uploads and downloads">
      <div className={css.transfersHead}>
        <p role="status" className={css.grow}>
          {sum.going > 0
            ? `${count(sum.going, "transfer")} under way, ${sum.over} done`
            : `${count(sum.over, "transfer")} done${failed.length > 0 ? `, ${failed.length} failed` : ""}`}
        </p>
        {going.length > 0 && (
          <Button kind="quiet" onClick={() => transfers.cancel(...ids(going))}>
            Cancel all
          </Button>
        )}
        {going.length === 0 && (
          <IconButton icon="close" label="Close this list" onClick={() => transfers.clear()} />
        )}
      </div>
      {going.length > 0 && <Progress label="All together" done={sum.done} total={sum.total} />}
      <ul className={css.transferList}>
        {running.map((one) => (
          <li key={one.id} className={css.transfer}>
            <div className={css.grow}>
              <Progress
                label={`${one.kind === "upload" ? "↑" : "↓"} ${one.path}`}
                done={one.done}
                total={one.total}
              />
            </div>
            <IconButton icon="close" label={`Cancel ${one.path}`} onClick={() => transfers.cancel(one.id)} />
          </li>
        ))}
        {failed.slice(0, MOST_SHOWN).map((one) => (
          <li key={one.id} className={css.transfer}>
            <span className={css.grow}>
              {one.path}: <span className={css.bad}>{toldError(one.error).message}</span>
            </span>
            <Button onClick={() => transfers.again(one.id)}>Try again</Button>
          </li>
        ))}
        {exist.slice(0, MOST_SHOWN).map((one) => (
          <li key={one.id} className={css.transfer}>
            <span className={css.grow}>
              {one.path} is there already{" "}
              <span className={css.soft}>(new: {shortBytes(one.total ?? 0)})</span>
            </span>
            <Button kind="quiet" aria-label={`Keep ${one.path}`} onClick={() => transfers.cancel(one.id)}>
              Keep
            </Button>
            <Button aria-label={`Replace ${one.path}`} onClick={() => transfers.again(one.id)}>
              Replace
            </Button>
          </li>
        ))}
      </ul>
      {exist.length > 1 && (
        <div className={css.transfersHead}>
          <p className={css.grow}>{count(exist.length, "file")} are there already.</p>
          <Button kind="quiet" onClick={() => transfers.cancel(...ids(exist))}>
            Keep all
          </Button>
          <Button onClick={() => transfers.again(...ids(exist))}>Replace all</Button>
        </div>
      )}
    </section>
  );
}
