import { type RefObject, useEffect, useState } from "react";
import { useClient, useOverview, useStore } from "../../state/context.ts";
import { useObservable } from "../../state/observable.ts";
import type { Workspace } from "../../state/store.ts";
import { StateBadge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import type { ToldError } from "../../ui/notes.tsx";
import { useNow } from "../../ui/time.tsx";
import { sayError } from "../../ui/toasts.tsx";
import { type Health, healthWords } from "./health.ts";
import css from "./parts.module.css";
import type { PlaceWords } from "./place-of.ts";

export function PlaceLabel({ place }: { readonly place: PlaceWords }) {
  return (
    <span className={css.place} title={place.detail}>
      <Icon name={place.icon} />
      <span className={css.word}>{place.word}</span>
      {place.detail !== undefined && <span className={css.detail}>{place.detail}</span>}
    </span>
  );
}

/** How it is; counts down to the next attempt. */
export function HealthLabel({ health }: { readonly health: Health }) {
  if (health.retryInMs !== undefined || health.word === "connecting") return <Countdown health={health} />;
  return (
    <StateBadge tone={health.tone} title={health.error?.message}>
      {health.word}
    </StateBadge>
  );
}

/** How long an attempt may take before it is asked how it went: no event tells of one that failed as the last did. */
const LOOK_AGAIN_MS = 1_500;

function Countdown({ health }: { readonly health: Health }) {
  const store = useStore();
  const overview = useOverview();
  const now = useNow(500);
  const since = overview?.at ?? now;
  const { retryInMs = 0 } = health;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each look is followed by one other
  useEffect(() => {
    const left = since + retryInMs + LOOK_AGAIN_MS - Date.now();
    const timer = setTimeout(() => store.refresh("overview"), Math.max(LOOK_AGAIN_MS, left));
    return () => clearTimeout(timer);
  }, [store, overview, retryInMs]);
  return (
    <StateBadge tone={health.tone} title={health.error?.message}>
      {healthWords(health, now - since)}
    </StateBadge>
  );
}

/** Tries to reach the place of a workspace at once, however long it is to be left alone. */
export function ConnectNow({ workspace }: { readonly workspace: Workspace }) {
  const client = useClient();
  const store = useStore();
  const [busy, setBusy] = useState(false);
  const connect = async () => {
    setBusy(true);
    try {
      for await (const event of client.check({ workspace: workspace.id })) {
        if (event.type !== "step" || event.step.ok) continue;
        const { code = "internal", detail, hint } = event.step;
        sayError({ code, message: `${workspace.name}: ${detail}`, hint } satisfies ToldError);
      }
    } catch (error) {
      sayError(error);
    }
    setBusy(false);
    store.refresh("overview");
  };
  return (
    <Button
      icon="refresh"
      busy={busy}
      onClick={() => void connect()}
      aria-label={busy ? undefined : `Try again now: ${workspace.name}`}
    >
      {busy ? "Trying" : "Try again now"}
    </Button>
  );
}

/** How much it differs from trunk; asked for while it is connected and in sight. */
export function ChangesLabel({
  workspace,
  isConnected,
  isSeen,
}: {
  readonly workspace: string;
  readonly isConnected: boolean;
  readonly isSeen: boolean;
}) {
  const { changes } = useStore();
  const sum = useObservable(changes.sumOf(workspace));
  useEffect(() => {
    if (isConnected && isSeen) return changes.want(workspace);
  }, [changes, workspace, isConnected, isSeen]);
  if (sum === undefined) return null;
  const { files, added, deleted } = sum;
  if (files === 0) return <span className={css.soft}>no changes</span>;
  return (
    <span className={css.changes} title="Against trunk">
      <span className={css.added}>+{added.toLocaleString()}</span>{" "}
      <span className={css.deleted}>−{deleted.toLocaleString()}</span>{" "}
      <span className={css.soft}>
        in {files.toLocaleString()} {files === 1 ? "file" : "files"}
      </span>
    </span>
  );
}

/** Whether an element is in sight, or nearly. */
export function useSeen(ref: RefObject<HTMLElement | null>): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const observer = new IntersectionObserver((entries) => setSeen(entries.at(-1)?.isIntersecting ?? false), {
      rootMargin: "200px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [ref]);
  return seen;
}
