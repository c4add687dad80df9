import * as z from "zod";
import { errorBody, time } from "./common.ts";

export const placeHealth = z
  .object({
    workspace: z.string().describe("Id of the workspace."),
    state: z.enum(["idle", "connecting", "connected", "waiting", "down"]),
    error: errorBody.nullable(),
    retry_in_ms: z.number().nullable().describe("Until the next attempt."),
    since: time,
  })
  .meta({ id: "PlaceHealth" });
