import { useEffect, useRef } from "react";
import { useStore } from "../../state/context.ts";
import { useObservable, Variable } from "../../state/observable.ts";
import { Button } from "../../ui/button.tsx";
import { OperationCard, type ShownOperation, useShownOperations } from "./operation-card.tsx";
import css from "./operation-tray.module.css";
import { operationTitle, outcomeOf } from "./operation-words.ts";

const isOpen = new Variable(false);

/** Shows what was just begun. */
export function openTray(): void {
  isOpen.set(true);
}

/** What takes a while, from everywhere: a button that counts, and behind it each of them. Nothing while there is none. */
export function OperationTray() {
  const { work } = useStore();
  const operations = useShownOperations();
  const open = useObservable(isOpen);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const isEmpty = operations.length === 0;
  useEffect(() => {
    if (isEmpty) isOpen.set(false);
  }, [isEmpty]);
  useEffect(() => {
    if (!open) return;
    const leave = (event: Event) => {
      // What was pressed may be gone by now: a card that was dismissed.
      const isElsewhere = event.target instanceof Node && event.target.isConnected;
      if (isElsewhere && !root.current?.contains(event.target)) isOpen.set(false);
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      isOpen.set(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", leave);
    document.addEventListener("keydown", onKey);
    return () => {
      document.removeEventListener("pointerdown", leave);
      document.removeEventListener("keydown", onKey);
    };
  }, [open]);
  const running = operations.filter(({ operation }) => operation.state === "running");
  const ended = operations.filter(({ operation }) => operation.state !== "running");
  const failed = ended.filter(({ operation }) => outcomeOf(operation) !== "succeeded");
  return (
    <div ref={root} className={css.root}>
      <span role="status" className="unseen">
        {newest(operations)}
      </span>
      {!isEmpty && (
        <Button
          ref={button}
          kind="quiet"
          icon={failed.length > 0 ? "warning" : running.length > 0 ? "refresh" : "check"}
          aria-expanded={open}
          aria-label={`Operations: ${running.length} running, ${failed.length} failed, ${operations.length} in all`}
          onClick={() => isOpen.set(!open)}
        >
          {operations.length}
        </Button>
      )}
      {open && !isEmpty && (
        <section className={css.panel} aria-label="Operations">
          <header className={css.head}>
            <h2>Operations</h2>
            {ended.length > 0 && (
              <Button
                kind="quiet"
                onClick={() => {
                  work.dismiss(...ended.map(({ operation }) => operation.id));
                  button.current?.focus();
                }}
              >
                Dismiss all ended
              </Button>
            )}
          </header>
          <ul className={css.list}>
            {operations.map((one) => (
              <li key={one.operation.id}>
                <OperationCard {...one} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function newest([first]: readonly ShownOperation[]): string {
  return first === undefined ? "" : operationTitle(first.operation);
}
