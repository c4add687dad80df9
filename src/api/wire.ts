import * as z from "zod";
import { workspaceParams } from "./common.ts";
import type { Route } from "./route.ts";

export const wireRoutes = [
  {
    operationId: "wire",
    place: true,
    method: "GET",
    path: "/v1/workspaces/{workspace}/wire",
    tag: "wire",
    summary: "Berth's own wire protocol over a WebSocket, for the runtime `remote`",
    scope: "read",
    params: workspaceParams,
    query: z.strictObject({}),
    responses: { 101: { description: "The protocol berth.wire.v1 (docs/protocol.md)." } },
    errors: [],
    upgrade: "berth.wire.v1",
  },
] as const satisfies readonly Route[];
