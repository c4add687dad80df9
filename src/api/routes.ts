import type * as z from "zod";
import { eventRoutes } from "./events.ts";
import { fileRoutes } from "./files.ts";
import { mcpRoutes } from "./mcp.ts";
import { operationRoutes } from "./operations.ts";
import { portRoutes } from "./ports.ts";
import { processRoutes } from "./processes.ts";
import type { Route } from "./route.ts";
import { runnerRoutes } from "./runner.ts";
import { runtimeRoutes } from "./runtimes.ts";
import { sessionRoutes } from "./sessions.ts";
import { tokenRoutes } from "./tokens.ts";
import { wireRoutes } from "./wire.ts";
import { workspaceRoutes } from "./workspaces.ts";

/** Every call of the API: server, document, docs/api.md and the client's types come from this table. */
export const ROUTES = [
  ...runnerRoutes,
  ...runtimeRoutes,
  ...workspaceRoutes,
  ...operationRoutes,
  ...processRoutes,
  ...fileRoutes,
  ...portRoutes,
  ...eventRoutes,
  ...tokenRoutes,
  ...sessionRoutes,
  ...wireRoutes,
  ...mcpRoutes,
] as const satisfies readonly Route[];

type AnyRoute = (typeof ROUTES)[number];

/** Routes that are upgraded to a WebSocket. */
export type UpgradeId = Extract<AnyRoute, { readonly upgrade: string }>["operationId"];
/** Routes that answer by HTTP. */
export type OperationId = Exclude<AnyRoute["operationId"], UpgradeId>;

export type RouteOf<Id extends AnyRoute["operationId"]> = Extract<AnyRoute, { readonly operationId: Id }>;

type Parsed<R, Part extends string> = R extends { readonly [Key in Part]: infer Schema extends z.ZodType }
  ? z.infer<Schema>
  : Record<never, never>;

/** What the parts of a call are once they are validated. */
export type ParamsOf<Id extends AnyRoute["operationId"]> = Parsed<RouteOf<Id>, "params">;
export type QueryOf<Id extends AnyRoute["operationId"]> = Parsed<RouteOf<Id>, "query">;
export type BodyOf<Id extends AnyRoute["operationId"]> = Parsed<RouteOf<Id>, "body">;
