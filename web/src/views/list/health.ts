import type { PlaceHealth, Workspace } from "../../state/store.ts";

/** How a workspace is: what one word says, and why. */
export interface Health {
  readonly kind: HealthKind;
  readonly tone: "good" | "warn" | "bad" | "accent" | "soft";
  readonly word: string;
  readonly error?: PlaceHealth["error"];
  /** Milliseconds until the next attempt, at the moment it was asked for. */
  readonly retryInMs?: number | undefined;
}

export const HEALTH_KINDS = ["working", "connected", "idle", "trouble", "stopped"] as const;
/** What the list is filtered by. */
export type HealthKind = (typeof HEALTH_KINDS)[number];

export function healthOf(
  { state, operation }: Pick<Workspace, "state" | "operation">,
  place: Pick<PlaceHealth, "state" | "error" | "retry_in_ms"> | undefined,
): Health {
  if (state === "creating" || state === "deleting") {
    const word = state === "creating" ? "being made" : "being deleted";
    // Whoever was at it is gone, and it is neither here nor there.
    if (operation !== null && !operation.alive) return { kind: "trouble", tone: "bad", word: "interrupted" };
    return { kind: "working", tone: "accent", word };
  }
  if (state === "initializing" && operation?.alive === true)
    return { kind: "working", tone: "accent", word: "set-up runs" };
  if (state === "stopped") return { kind: "stopped", tone: "soft", word: "stopped" };
  const connection = connectionOf(place);
  if (connection.kind === "trouble") return connection;
  if (state === "init_failed") return { kind: "trouble", tone: "bad", word: "set-up failed" };
  // It was cut, and goes on when somebody wants it to.
  if (state === "initializing") return { kind: "trouble", tone: "warn", word: "set-up unfinished" };
  return connection;
}

function connectionOf(place: Pick<PlaceHealth, "state" | "error" | "retry_in_ms"> | undefined): Health {
  const error = place?.error ?? null;
  const retryInMs = place?.retry_in_ms ?? undefined;
  switch (place?.state) {
    case "connected":
      return { kind: "connected", tone: "good", word: "connected" };
    case "connecting":
      return { kind: "working", tone: "accent", word: "connecting", error };
    case "waiting":
      return { kind: "trouble", tone: "warn", word: "waiting", error, retryInMs };
    case "down":
      return { kind: "trouble", tone: "bad", word: "down", error, retryInMs };
    default:
      return { kind: "idle", tone: "soft", word: "idle" };
  }
}

/** The word with its countdown, so many milliseconds after it was asked for. */
export function healthWords({ word, retryInMs }: Health, sinceMs: number): string {
  if (retryInMs === undefined) return word;
  const left = retryInMs - sinceMs;
  if (left <= 0) return word === "down" ? word : "retrying";
  const when = `${Math.ceil(left / 1000)} s`;
  return word === "down" ? `down, retry in ${when}` : `waiting to retry in ${when}`;
}
