import { HELD_SECRETS } from "../../contract/mask.ts";
import type { ToolContext } from "../tool.ts";

/** Part of a longer text whose rest was left out in the place: without a part of a secret at where it was cut. */
export function sealed(
  context: ToolContext,
  text: string,
  cut: { readonly start?: boolean; readonly end: boolean },
): string {
  if (context.options.maskOutput === false) return text;
  const closed = cut.end ? text.slice(0, HELD_SECRETS.closedLength(text)) : text;
  return cut.start === true ? HELD_SECRETS.textBehind(closed).text : closed;
}
