import { useEffect, useRef, useState } from "react";
import { useMay, useOperations, useStore } from "../../state/context.ts";
import { useObservable } from "../../state/observable.ts";
import { workspacePath } from "../../state/router.ts";
import type { Operation } from "../../state/store.ts";
import type { LiveWork } from "../../state/work.ts";
import { StateBadge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { useFocusKept } from "../../ui/keep-focus.ts";
import { Link } from "../../ui/link.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { Progress } from "../../ui/progress.tsx";
import { Ago } from "../../ui/time.tsx";
import { sayError } from "../../ui/toasts.tsx";
import { shownOperations } from "./list-model.ts";
import css from "./operation-card.module.css";
import { operationResult, operationTitle, outcomeOf } from "./operation-words.ts";

/** An operation as it is now, with what it tells while it runs. */
export interface ShownOperation {
  readonly operation: Operation;
  readonly live: LiveWork | undefined;
}

/** All that the tray shows, the newest first. */
export function useShownOperations(): readonly ShownOperation[] {
  const { work } = useStore();
  const known = useOperations();
  const begun = useObservable(work.begun);
  const dismissed = useObservable(work.dismissed);
  const live = useObservable(work.live);
  return shownOperations(known, { begun, seen: work.seen, dismissed }).map((operation) =>
    shown(operation, live.get(operation.id)),
  );
}

/** One of them, from its begin on. */
export function useOperation(begun: Operation | undefined): ShownOperation | undefined {
  const { work } = useStore();
  const known = useOperations();
  const live = useObservable(work.live);
  if (begun === undefined) return undefined;
  return shown(known.find(({ id }) => id === begun.id) ?? begun, live.get(begun.id));
}

function shown(operation: Operation, live: LiveWork | undefined): ShownOperation {
  // The stream tells the end before the list does.
  const newest = operation.state === "running" && live?.end !== undefined ? live.end : operation;
  return { operation: newest, live };
}

const TONES = {
  running: "accent",
  succeeded: "good",
  failed: "bad",
  cancelled: "soft",
  interrupted: "warn",
} as const;

/** What it does, how far it is, what it prints, how it ended, and what can be done about it. */
export function OperationCard({ operation, live }: ShownOperation) {
  const { work } = useStore();
  const mayOperate = useMay("operate");
  const card = useRef<HTMLElement>(null);
  useFocusKept(card);
  const { id, state, error, workspace, kind } = operation;
  const outcome = outcomeOf(operation);
  const progress = live?.progress ?? operation.progress;
  const request = work.requestOf(operation);
  const result = operationResult(operation);
  const isThere = workspace !== null && state === "succeeded" && kind !== "delete";
  const again = () => {
    if (request === undefined) return;
    work.begin(request).then(() => work.dismiss(id), sayError);
  };
  return (
    <article ref={card} className={css.card} aria-label={operationTitle(operation)}>
      <header className={css.head}>
        <StateBadge tone={TONES[outcome]}>{operationTitle(operation)}</StateBadge>
        <span className={css.time}>
          <Ago time={operation.ended_at ?? operation.created_at} />
        </span>
      </header>
      {state === "running" && (
        <Progress
          label={progress?.message ?? "under way"}
          done={progress?.bytes_done}
          total={progress?.bytes_total}
        />
      )}
      {result !== undefined && <p className={css.result}>{result}</p>}
      {state !== "cancelled" && error !== null && <ErrorNote error={error} />}
      {live !== undefined && live.output !== "" && (
        <Output text={live.output} isOpen={outcome === "running" || outcome === "failed"} />
      )}
      <div className={css.actions}>
        {state === "running" && mayOperate && <Cancel id={id} title={operationTitle(operation)} />}
        {isThere && <Link to={workspacePath(workspace)}>Open</Link>}
        {outcome !== "running" && outcome !== "succeeded" && mayOperate && request !== undefined && (
          <Button icon="refresh" onClick={again}>
            Try again
          </Button>
        )}
        {state !== "running" && (
          <Button kind="quiet" onClick={() => work.dismiss(id)}>
            Dismiss
          </Button>
        )}
      </div>
    </article>
  );
}

export function Cancel({ id, title }: { readonly id: string; readonly title: string }) {
  const { work } = useStore();
  const [busy, setBusy] = useState(false);
  const cancel = () => {
    setBusy(true);
    work.cancel(id).catch((error: unknown) => {
      setBusy(false);
      sayError(error);
    });
  };
  return (
    <Button icon="close" busy={busy} onClick={cancel} aria-label={`Cancel: ${title}`}>
      {busy ? "Cancelling" : "Cancel"}
    </Button>
  );
}

/** What the set-up hook prints; its end stays in sight unless it was scrolled up. */
export function Output({ text, isOpen }: { readonly text: string; readonly isOpen: boolean }) {
  const box = useRef<HTMLElement>(null);
  const follows = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: more text is what moves the end
  useEffect(() => {
    const element = box.current;
    if (element !== null && follows.current) element.scrollTop = element.scrollHeight;
  }, [text]);
  return (
    <details className={css.details} open={isOpen}>
      <summary>Output of the set-up</summary>
      <section
        ref={box}
        aria-label="Output of the set-up"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by the keyboard
        tabIndex={0}
        className={css.output}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 24;
        }}
      >
        <pre>{plain(text)}</pre>
      </section>
    </details>
  );
}

/** Without what colours a terminal; of a line that was written over the last state. */
function plain(text: string): string {
  return text
    .replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g, "")
    .replace(/^.*\r(?!\n)(?=.)/gm, "");
}
