import { isBerthError } from "../../contract/errors.ts";
import type { Workspace } from "../../contract/workspace.ts";
import type { Store } from "../../store/open.ts";
import type { Workspaces } from "../../workspaces/api.ts";

/** What a label of DNS takes, less the longest port and its dash. */
const MAX_LABEL = 63 - "65535-".length;
const SHORTEST_SUFFIX = 4;
const HOST_LABEL = /^([1-9]\d{0,4})-([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)$/;

/** What the application gets as Host. */
export type HostChoice = "localhost" | "preview";

/** A port of a workspace with an address of its own. */
export interface PreviewEntry {
  readonly label: string;
  readonly port: number;
  readonly workspaceId: string;
  readonly host: HostChoice;
  readonly createdAt: string;
}

/** "Fix_login.2" → "fix-login-2": letters, digits and single dashes, none at the ends. */
export function dnsLabel(name: string): string {
  const dashed = name.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return dashed.slice(0, MAX_LABEL).replace(/^-+|-+$/g, "") || "workspace";
}

/** "3000-fix-login" of "3000-fix-login.localhost"; undefined: the name is not under the domain. */
export function hostLabelOf(name: string, baseDomain: string): string | undefined {
  const suffix = `.${baseDomain}`;
  return name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined;
}

export function parseHostLabel(text: string): { readonly port: number; readonly label: string } | undefined {
  const [, port = "", label = ""] = HOST_LABEL.exec(text) ?? [];
  return label === "" || Number(port) > 65_535 ? undefined : { port: Number(port), label };
}

/** Which port of which workspace an address is: kept in the store, so that an address stays what it is. */
export class PreviewEntries {
  readonly #store: Store;
  readonly #workspaces: Pick<Workspaces, "get">;
  /** One label is given at a time. */
  #giving: Promise<unknown> = Promise.resolve();

  constructor(store: Store, workspaces: Pick<Workspaces, "get">) {
    this.#store = store;
    this.#workspaces = workspaces;
  }

  async find(label: string, port: number): Promise<PreviewEntry | undefined> {
    const query = this.#store.db.selectFrom("preview").selectAll();
    const row = await query.where("label", "=", label).where("port", "=", port).executeTakeFirst();
    return row === undefined ? undefined : entryOf(row);
  }

  async list(workspaceId: string): Promise<PreviewEntry[]> {
    const query = this.#store.db.selectFrom("preview").selectAll().where("workspace_id", "=", workspaceId);
    return (await query.orderBy("created_at").orderBy("port").execute()).map(entryOf);
  }

  /** The address of a port, made if there is none. */
  ensure(workspace: Pick<Workspace, "id" | "name">, port: number, host: HostChoice): Promise<PreviewEntry> {
    const given = this.#giving.then(() => this.#ensure(workspace, port, host));
    this.#giving = given.catch(() => undefined);
    return given;
  }

  async #ensure(
    workspace: Pick<Workspace, "id" | "name">,
    port: number,
    host: HostChoice,
  ): Promise<PreviewEntry> {
    const label = await this.#labelFor(workspace);
    const host_header = host === "localhost" ? null : host;
    const known = await this.find(label, port);
    if (known === undefined) {
      const row = {
        label,
        port,
        workspace_id: workspace.id,
        host_header,
        created_at: new Date().toISOString(),
      };
      await this.#store.db.insertInto("preview").values(row).execute();
      return entryOf(row);
    }
    if (known.host === host) return known;
    const change = this.#store.db.updateTable("preview").set({ host_header });
    await change.where("label", "=", label).where("port", "=", port).execute();
    return { ...known, host };
  }

  /** Ends the addresses of a port, which are several when the workspace was renamed; gives those that there were. */
  async remove(workspaceId: string, port: number): Promise<PreviewEntry[]> {
    const removal = this.#store.db.deleteFrom("preview").where("workspace_id", "=", workspaceId);
    return (await removal.where("port", "=", port).returningAll().execute()).map(entryOf);
  }

  /** The workspace's name; where another workspace has that label, with the first letters of the id behind it. */
  async #labelFor({ id, name }: Pick<Workspace, "id" | "name">): Promise<string> {
    const plain = dnsLabel(name);
    for (let length = 0; ; length = length === 0 ? SHORTEST_SUFFIX : length + 1) {
      const suffix = length === 0 ? "" : `-${id.slice(1, 1 + length)}`;
      const label = plain.slice(0, MAX_LABEL - suffix.length).replace(/-+$/, "") + suffix;
      const query = this.#store.db.selectFrom("preview").select("workspace_id").where("label", "=", label);
      const holder = (await query.executeTakeFirst())?.workspace_id;
      if (holder === undefined || holder === id || !(await this.#isThere(holder, label))) return label;
    }
  }

  /** What a workspace had that is gone is free. */
  async #isThere(workspaceId: string, label: string): Promise<boolean> {
    try {
      await this.#workspaces.get(workspaceId, { directory: null });
      return true;
    } catch (cause) {
      if (!isBerthError(cause, "workspace.unknown")) throw cause;
      await this.#store.db
        .deleteFrom("preview")
        .where("label", "=", label)
        .where("workspace_id", "=", workspaceId)
        .execute();
      return false;
    }
  }
}

interface PreviewRow {
  readonly label: string;
  readonly port: number;
  readonly workspace_id: string;
  readonly host_header: string | null;
  readonly created_at: string;
}

function entryOf(row: PreviewRow): PreviewEntry {
  return {
    label: row.label,
    port: row.port,
    workspaceId: row.workspace_id,
    host: row.host_header === "preview" ? "preview" : "localhost",
    createdAt: row.created_at,
  };
}
