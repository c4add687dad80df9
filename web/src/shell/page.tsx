import { type ReactNode, Suspense, useEffect, useMemo } from "react";
import { SignedContext } from "../state/context.ts";
import { useObservable } from "../state/observable.ts";
import { type Route, useRoute } from "../state/router.ts";
import { resume, session } from "../state/session.ts";
import { Store } from "../state/store.ts";
import { Empty, Waiting } from "../ui/notes.tsx";
import { Toasts } from "../ui/toasts.tsx";
import { onPageKey } from "./commands.ts";
import { Failure } from "./failure.tsx";
import { Frame } from "./frame.tsx";
import { later } from "./later.ts";
import { SignIn } from "./sign-in.tsx";

const WorkspaceList = later(async () => (await import("../views/list/workspace-list.tsx")).WorkspaceList);
const NewWorkspace = later(async () => (await import("../views/place/new-workspace.tsx")).NewWorkspace);
const WorkspacePage = later(async () => (await import("../views/workspace-page.tsx")).WorkspacePage);
const EventsPage = later(async () => (await import("../views/events/events-page.tsx")).EventsPage);
const AccessPage = later(async () => (await import("../views/access/access-page.tsx")).AccessPage);
const ErrorPage = later(async () => (await import("../views/error-page.tsx")).ErrorPage);

/** Everything: who is signed in, and what the address says. */
export function Page() {
  const signed = useObservable(session);
  useEffect(() => {
    void resume().catch(() => undefined);
    document.addEventListener("keydown", onPageKey);
    return () => document.removeEventListener("keydown", onPageKey);
  }, []);
  return (
    <Failure>
      {signed.state === "in" ? (
        <Signed {...signed} />
      ) : signed.state === "out" ? (
        <SignIn reason={signed.reason} />
      ) : (
        <Waiting what="Signing in…" />
      )}
      <Toasts />
    </Failure>
  );
}

function Signed({ client, token }: Extract<ReturnType<typeof session.get>, { readonly state: "in" }>) {
  const store = useMemo(() => new Store(client), [client]);
  useEffect(() => () => store[Symbol.dispose](), [store]);
  const value = useMemo(() => ({ store, token }), [store, token]);
  const route = useRoute();
  return (
    <SignedContext value={value}>
      <Frame>
        <Failure key={keyOf(route)}>
          <Suspense fallback={<Waiting what="Loading…" />}>{viewOf(route)}</Suspense>
        </Failure>
      </Frame>
    </SignedContext>
  );
}

function viewOf(route: Route): ReactNode {
  switch (route.name) {
    case "workspaces":
    case "sign-in":
      return <WorkspaceList />;
    case "new":
      return <NewWorkspace project={route.project} />;
    case "workspace":
      return <WorkspacePage key={route.id} id={route.id} tab={route.tab} query={route.query} />;
    case "events":
      return <EventsPage query={route.query} />;
    case "access":
      return <AccessPage />;
    case "error":
      return <ErrorPage code={route.code} />;
    case "unknown":
      return <Empty icon="search" title={`There is nothing at ${route.path}`} isPage />;
  }
}

/** A view that failed is left with its address; parts of a workspace have their own. */
function keyOf(route: Route): string {
  return route.name === "workspace" ? route.id : route.name;
}
