import { useObservable, Variable } from "./observable.ts";

/** Parts of a workspace's page, in their order. */
export const WORKSPACE_TABS = [
  "terminals",
  "processes",
  "files",
  "changes",
  "ports",
  "events",
  "settings",
] as const;
export type WorkspaceTab = (typeof WORKSPACE_TABS)[number];

export type Route =
  | { readonly name: "workspaces" }
  | { readonly name: "new"; readonly project?: string | undefined }
  | {
      readonly name: "workspace";
      readonly id: string;
      readonly tab: WorkspaceTab;
      readonly query: URLSearchParams;
    }
  | { readonly name: "events"; readonly query: URLSearchParams }
  | { readonly name: "access" }
  | { readonly name: "error"; readonly code: string }
  | { readonly name: "sign-in" }
  | { readonly name: "unknown"; readonly path: string };

/** What an address means. */
export function routeOf(pathname: string, search = ""): Route {
  const query = new URLSearchParams(search);
  const parts = pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decoded);
  const [first, second, third, ...rest] = parts;
  if (first === undefined) return { name: "workspaces" };
  if (first === "new" && second === undefined)
    return { name: "new", project: query.get("project") ?? undefined };
  if (first === "events" && second === undefined) return { name: "events", query };
  if (first === "access" && second === undefined) return { name: "access" };
  if (first === "sign-in" && second === undefined) return { name: "sign-in" };
  if (first === "errors" && second !== undefined && third === undefined)
    return { name: "error", code: second };
  if (first === "w" && second !== undefined && rest.length === 0) {
    const tab = third ?? "terminals";
    if (isTab(tab)) return { name: "workspace", id: second, tab, query };
  }
  return { name: "unknown", path: pathname };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isTab(text: string): text is WorkspaceTab {
  return (WORKSPACE_TABS as readonly string[]).includes(text);
}

/** Address of a workspace's page; `query` is what its tab keeps in the address. */
export function workspacePath(
  id: string,
  tab: WorkspaceTab = "terminals",
  query: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(query).toString();
  return `/w/${encodeURIComponent(id)}/${tab}${search === "" ? "" : `?${search}`}`;
}

const here = () =>
  typeof location === "undefined" ? routeOf("/") : routeOf(location.pathname, location.search);

export const route = new Variable<Route>(here());

/** While something would be lost by leaving: asked before the page goes elsewhere. True keeps it here. */
let guard: ((path: string, go: () => void) => boolean) | undefined;
/** Where the page is, for going back there when the browser has already left. */
let shown = typeof location === "undefined" ? "/" : address();

function address(): string {
  return `${location.pathname}${location.search}`;
}

/**
 * Has `keeps` asked before the page goes to another path, until the returned function is called. What is kept may be
 * gone on with by `go`.
 */
export function guardLeaving(keeps: (path: string, go: () => void) => boolean): () => void {
  guard = keeps;
  const warn = (event: BeforeUnloadEvent) => event.preventDefault();
  window.addEventListener("beforeunload", warn);
  return () => {
    if (guard === keeps) guard = undefined;
    window.removeEventListener("beforeunload", warn);
  };
}

function isKept(path: string, go: () => void): boolean {
  const asking = guard;
  if (asking === undefined || path === shown) return false;
  return asking(path, () => {
    guard = undefined;
    go();
  });
}

if (typeof window !== "undefined") {
  window.addEventListener("popstate", () => {
    const path = address();
    if (isKept(path, () => navigate(path))) {
      history.pushState(null, "", shown);
      return;
    }
    shown = path;
    route.set(here());
  });
}

export function navigate(path: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (isKept(path, () => navigate(path, { replace }))) return;
  if (replace) history.replaceState(null, "", path);
  else if (path !== address()) history.pushState(null, "", path);
  shown = address();
  route.set(here());
}

export function useRoute(): Route {
  return useObservable(route);
}
