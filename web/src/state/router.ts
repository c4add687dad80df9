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

if (typeof window !== "undefined") window.addEventListener("popstate", () => route.set(here()));

export function navigate(path: string, { replace = false }: { readonly replace?: boolean } = {}): void {
  if (replace) history.replaceState(null, "", path);
  else if (path !== `${location.pathname}${location.search}`) history.pushState(null, "", path);
  route.set(here());
}

export function useRoute(): Route {
  return useObservable(route);
}
