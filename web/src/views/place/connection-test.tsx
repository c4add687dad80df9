import { useCallback, useEffect, useRef, useState } from "react";
import type { CheckedPlace } from "../../../../src/client/index.ts";
import { useClient, useMay } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { shortDuration } from "../../ui/format.ts";
import { Icon } from "../../ui/icon.tsx";
import { Link } from "../../ui/link.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { type CheckRun, hostKeyOf, type ShownStep, STARTED, told, waitsUntil } from "./check-model.ts";
import css from "./connection-test.module.css";
import { HostKey, type HostKeyPlace } from "./host-key.tsx";

interface ConnectionTestProps {
  /** What is tried; undefined while the form can't say it. */
  readonly place: CheckedPlace | undefined;
  /** Whose key it is, where it is a host's. */
  readonly keyPlace: HostKeyPlace | undefined;
  /** What is tried, in words. */
  readonly about: string;
  /** Begins by itself. */
  readonly now?: boolean;
}

/** Test connection: each step as it goes, and for the one that failed what to do. */
export function ConnectionTest({ place, keyPlace, about, now = false }: ConnectionTestProps) {
  const client = useClient();
  const mayOperate = useMay("operate");
  const [run, setRun] = useState<CheckRun>();
  const [error, setError] = useState<unknown>();
  const stop = useRef<AbortController>(undefined);
  const newest = useRef(place);
  newest.current = place;
  const start = useCallback(async () => {
    const tried = newest.current;
    if (tried === undefined) return;
    stop.current?.abort();
    const own = new AbortController();
    stop.current = own;
    setError(undefined);
    let current = STARTED;
    setRun(current);
    try {
      for await (const event of client.check(tried, { signal: own.signal })) {
        current = told(current, event);
        setRun(current);
      }
    } catch (cause) {
      // Another one was begun, or the view is gone.
      if (stop.current !== own) return;
      const wasCancelled = own.signal.aborted;
      setRun({ ...current, state: wasCancelled ? "cancelled" : "failed" });
      if (!wasCancelled) setError(cause);
    }
  }, [client]);
  useEffect(() => {
    if (now) void start();
    return () => {
      const last = stop.current;
      stop.current = undefined;
      last?.abort();
    };
  }, [now, start]);
  const waits = run?.state === "failed" ? waitsUntil(run) : undefined;
  useEffect(() => {
    if (waits === undefined) return;
    // Its clock and this one may differ.
    const ms = Math.min(MOST_WAIT_MS, Math.max(500, waits - Date.now() + 100));
    const timer = setTimeout(() => void start(), ms);
    return () => clearTimeout(timer);
  }, [waits, start]);
  if (!mayOperate) return null;
  const isRunning = run?.state === "running";
  return (
    <section className={css.test} aria-labelledby="connection-test">
      <header className={css.head}>
        <div>
          <h2 id="connection-test">Connection</h2>
          <p className={css.soft}>{about}</p>
        </div>
        {isRunning ? (
          <Button icon="close" onClick={() => stop.current?.abort()}>
            Cancel
          </Button>
        ) : (
          <Button icon="shield" disabled={place === undefined} onClick={() => void start()}>
            {run === undefined ? "Test connection" : "Test again"}
          </Button>
        )}
      </header>
      {run !== undefined && (
        <ol className={css.steps}>
          {run.steps.map((step) => (
            <Step
              key={step.name}
              step={step}
              isOver={!isRunning}
              keyPlace={keyPlace}
              onTrusted={() => void start()}
            />
          ))}
        </ol>
      )}
      {error !== undefined && <ErrorNote error={error} />}
      <p role="status" className={classes(css.result, run !== undefined && css[run.state])}>
        {run === undefined ? "" : waits === undefined ? RESULTS[run.state] : WAITS}
      </p>
    </section>
  );
}

const RESULTS: Readonly<Record<CheckRun["state"], string>> = {
  running: "Testing…",
  ok: "It can be used.",
  failed: "It can't be used as it is.",
  cancelled: "The test was cancelled.",
};

const WAITS = "It failed a moment ago, and is tried again in a moment.";
const MOST_WAIT_MS = 60_000;

interface StepProps {
  readonly step: ShownStep;
  readonly isOver: boolean;
  readonly keyPlace: HostKeyPlace | undefined;
  readonly onTrusted: () => void;
}

function Step({ step: { name, result }, isOver, keyPlace, onTrusted }: StepProps) {
  if (result === undefined) {
    return (
      <li className={css.step}>
        <span className={isOver ? css.off : css.spinner} aria-hidden="true" />
        <span className={css.name}>{name}</span>
        <span className={css.detail}>{isOver ? "not ended" : "…"}</span>
      </li>
    );
  }
  const { ok, detail, duration_ms: ms, code } = result;
  // Its words are for programs; this test tries again by itself.
  const hint = code === "ssh.waiting" ? undefined : result.hint;
  const hostKey = hostKeyOf(result);
  return (
    <li className={css.step}>
      <span className={ok ? css.good : css.bad}>
        <Icon name={ok ? "check" : "close"} />
        <span className="unseen">{ok ? "done" : "failed"}</span>
      </span>
      <span className={css.name}>{name}</span>
      <span className={css.detail}>{detail}</span>
      <span className={css.time}>{shortDuration(ms)}</span>
      {hostKey !== undefined && hostKey.kind !== "revoked" ? (
        <div className={css.remedy}>
          <HostKey finding={hostKey} hint={hint} place={keyPlace} onTrusted={onTrusted} />
        </div>
      ) : (
        (!ok || hint !== undefined) && (
          <div className={classes(css.remedy, !ok && css.failure)}>
            {hint !== undefined && <p>{hint}</p>}
            {code !== undefined && (
              <p className={css.code}>
                <Link to={`/errors/${encodeURIComponent(code)}`}>{code}</Link>
              </p>
            )}
          </div>
        )
      )}
    </li>
  );
}
