import { createRunnerClient, isBerthError, type RunnerClient } from "../../../src/client/index.ts";
import { pause } from "../../../src/client/retry.ts";
import { say, sayError } from "../ui/toasts.tsx";
import { boundedFetch } from "./bounded-fetch.ts";
import { keep, kept } from "./kept.ts";
import { Variable } from "./observable.ts";

/** Where the session's key is kept: unlike the cookie it belongs to this address with its port. */
const KEY = "berth.session";

export type SignedIn =
  | { readonly state: "unknown" }
  | { readonly state: "out"; readonly reason?: string | undefined }
  | { readonly state: "in"; readonly client: RunnerClient; readonly token: CurrentToken };

export interface CurrentToken {
  readonly id: string;
  readonly name: string;
  readonly scope: "read" | "operate" | "admin";
  readonly workspaces: readonly string[] | null;
}

export const session = new Variable<SignedIn>({ state: "unknown" });

/** Of the session that this page has, or is about to have. */
let held: string | null = null;

/** Takes up the session that there is, or the code in the address (`/sign-in#code=…`), which is removed from it. */
export async function resume(): Promise<void> {
  window.addEventListener("storage", onStorage);
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code !== null) {
    history.replaceState(null, "", "/");
    window.dispatchEvent(new PopStateEvent("popstate"));
    try {
      await signIn({ code });
      return;
    } catch (error) {
      // Anybody's link leads here: one that is worth nothing ends no session.
      if (kept(KEY) === null) session.set({ state: "out", reason: wordsOf(error) });
      else sayError(error);
    }
  }
  await resumeKept();
}

async function resumeKept(): Promise<void> {
  const key = kept(KEY);
  if (key !== null) await enter(key);
  else if (session.get().state !== "out") session.set({ state: "out" });
}

/** Tabs of a browser have one session: who signs in or out in one of them does so in all. */
function onStorage(): void {
  // What is there now: an event may tell of a time before this tab's own sign-in.
  const key = kept(KEY);
  if (key === held) return;
  if (key === null) leave("Signed out in another tab.");
  else void enter(key);
}

/** For calls that the client has no way for, such as uploads that tell how far they are. */
export function sessionHeaders(): Readonly<Record<string, string>> {
  return held === null ? {} : { "berth-session": held };
}

/** @throws what the runner says to the code or token */
export async function signIn(proof: { readonly code: string } | { readonly token: string }): Promise<void> {
  const client = createRunnerClient({ url: location.origin });
  const { key } = await client.post("/v1/sessions", { body: proof });
  keep(KEY, key);
  await enter(key, "This browser keeps no cookie of this address, without which nobody is signed in.");
}

export async function signOut(): Promise<void> {
  const now = session.get();
  if (now.state === "in") await now.client.delete("/v1/sessions/current");
  leave();
}

/** The session is worth nothing any more: where another tab has signed in anew the page goes on with that one. */
export function sessionOver(): void {
  const key = kept(KEY);
  if (key !== null && key !== held) void enter(key);
  else leave("The session has ended. Sign in again.");
}

function leave(reason?: string): void {
  if (kept(KEY) === held) keep(KEY, null);
  held = null;
  session.set({ state: "out", reason });
}

async function enter(key: string, refused?: string): Promise<void> {
  held = key;
  const client = createRunnerClient({ url: location.origin, session: key, fetch: boundedFetch });
  while (held === key) {
    try {
      const { token } = await client.get("/v1/sessions/current");
      if (held !== key) return;
      const before = session.get();
      if (before.state === "in" && before.token.id !== token.id) say(`Signed in by ${token.name} now`);
      session.set({ state: "in", client, token });
      return;
    } catch (error) {
      if (held !== key) return;
      if (isBerthError(error, "auth.invalid") || isBerthError(error, "auth.missing")) {
        if (refused === undefined) sessionOver();
        else leave(refused);
        return;
      }
      if (isBerthError(error) && !error.retryable) {
        session.set({ state: "out", reason: wordsOf(error) });
        return;
      }
      // A runner that is being restarted.
      await pause(1000, undefined);
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
