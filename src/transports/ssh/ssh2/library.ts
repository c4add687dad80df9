import type * as Ssh2Library from "ssh2";

export type Ssh2 = typeof Ssh2Library;

let loaded: Promise<Ssh2> | undefined;

/** The library, loaded when the first connection needs it: 40 ms that no other command pays. */
export function loadSsh2(): Promise<Ssh2> {
  loaded ??= import("ssh2").then((module) => module.default as unknown as Ssh2);
  return loaded;
}
