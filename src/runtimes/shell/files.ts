import type { CapabilityName } from "../../contract/capabilities.ts";
import type { BerthError } from "../../contract/errors.ts";
import type { FileSystem } from "../../contract/files.ts";
import type { ShellPlace } from "./place.ts";
export class ShellFileSystem {
  constructor(place: ShellPlace, unsupported: (capability: CapabilityName) => BerthError) { void place; void unsupported }
}
export type X = FileSystem;
