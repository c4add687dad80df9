import { createContext, useContext } from "react";
import { useObservable } from "./observable.ts";
import type { CurrentToken } from "./session.ts";
import type { Link, Operation, Overview, Store, Workspace } from "./store.ts";

interface Signed {
  readonly store: Store;
  readonly token: CurrentToken;
}

export const SignedContext = createContext<Signed | undefined>(undefined);

function useSigned(): Signed {
  const signed = useContext(SignedContext);
  if (signed === undefined) throw new Error("nobody is signed in");
  return signed;
}

export const useStore = (): Store => useSigned().store;
export const useToken = (): CurrentToken => useSigned().token;
export const useClient = () => useStore().client;
export const useLink = (): Link => useObservable(useStore().link);
/** undefined until they are known. */
export const useWorkspaces = (): readonly Workspace[] | undefined => useObservable(useStore().workspaces);
export const useOperations = (): readonly Operation[] => useObservable(useStore().operations);
export const useOverview = (): { readonly at: number; readonly value: Overview } | undefined =>
  useObservable(useStore().overview);

/** Whether the token may do that: the page offers nothing that would be refused. */
export function useMay(scope: CurrentToken["scope"]): boolean {
  const order = ["read", "operate", "admin"];
  return order.indexOf(useToken().scope) >= order.indexOf(scope);
}

/** Whether it may do what reaches out of workspaces, such as making one: a token that is limited to some may not. */
export function useMayReachOut(): boolean {
  const mayOperate = useMay("operate");
  return useToken().workspaces === null && mayOperate;
}
