import type { Payload } from "./payload.ts";
import { type PayloadPart, SUMS_FILE } from "./payload-manifest.ts";
import {
  answersOf,
  type CommitAnswer,
  type InstallTarget,
  PARTIAL,
  parseBegin,
  parseCommit,
  SAY_FREE,
  TAKE_LOCK,
  variables,
  verifyFunction,
} from "./payload-scripts.ts";
import { sweepFunction } from "./payload-sweep-script.ts";

/** A part as one compressed file of this machine. */
export interface Archive {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** What the place says before it takes the archive. */
export type ReceiveBegin =
  | { readonly state: "present" }
  /** `have` bytes of exactly this archive have come before; the rest is expected on stdin. */
  | { readonly state: "have"; readonly have: number; readonly freeBytes?: number }
  | { readonly state: "locked"; readonly owner: string; readonly progress: string }
  /** A tool is missing that receiving needs. */
  | { readonly state: "lacking"; readonly tool: string }
  | { readonly state: "unwritable"; readonly reason: string };

export type ReceiveEnd =
  | CommitAnswer
  /** The stream ended early; what came is kept. */
  | { readonly state: "short"; readonly have: number };

/**
 * Takes a compressed archive from stdin, appends it to what has come of it before, checks it, unpacks it beside,
 * checks every file, and moves the part to where it belongs in one step. Cut off anywhere, what came stays and is
 * gone on with; on a full disk it goes. The name of what has come holds the archive's checksum: bytes of another
 * one are never mixed in. Payloads that no daemon uses are swept behind it.
 */
export function receiveScript(
  target: InstallTarget,
  payload: Payload,
  part: PayloadPart,
  archive: Pick<Archive, "size" | "sha256">,
): string {
  return `${variables(target)}
trap '' HUP PIPE
partial="$base/${PARTIAL}${target.name}-${archive.sha256.slice(0, 16)}"
if [ -f "$final/${SUMS_FILE}" ]; then say present; exit 0; fi
for tool in mkdir mv rm cat wc tar gzip; do
  command -v $tool >/dev/null 2>&1 || { say lacking $tool; exit 0; }
done
${TAKE_LOCK}
for old in "$base"/${PARTIAL}*; do [ "$old" = "$partial" ] || rm -f "$old"; done
have=0
[ ! -f "$partial" ] || have=$(($(wc -c <"$partial")))
if [ "$have" -gt ${archive.size} ]; then rm -f "$partial"; have=0; fi
${SAY_FREE}
say have "$have"
give_up() { rm -rf "$temporary"; release; say "$@"; exit 0; }
full() { case $1 in *[Nn]o\\ space*|*[Qq]uota*) rm -f "$partial" ;; esac; }
reason=$( { cat >>"$partial"; } 2>&1 ) || { full "$reason"; give_up unwritable "$reason"; }
have=$(($(wc -c <"$partial")))
owner_of "$lock"
[ "$owner" = "$token" ] || { say lost; exit 0; }
[ "$have" -ge ${archive.size} ] || give_up short "$have"
if command -v sha256sum >/dev/null 2>&1; then sum=$(sha256sum <"$partial"); sum=\${sum%% *}
elif command -v shasum >/dev/null 2>&1; then sum=$(shasum -a 256 <"$partial"); sum=\${sum%% *}
elif command -v sha256 >/dev/null 2>&1; then sum=$(sha256 -q <"$partial")
else sum=${archive.sha256}
fi
[ "$sum" = ${archive.sha256} ] || { rm -f "$partial"; give_up corrupt "the archive has another checksum"; }
reason=$(mkdir "$temporary" 2>&1) || { full "$reason"; give_up unwritable "$reason"; }
reason=$( { gzip -dc <"$partial" | (cd "$temporary" && tar -xf -); } 2>&1 ) || { full "$reason"; give_up unwritable "$reason"; }
${verifyFunction(payload, part)}
if ! verify "$temporary"; then rm -f "$partial"; give_up corrupt "$reason"; fi
owner_of "$lock"
[ "$owner" = "$token" ] || { rm -rf "$temporary"; say lost; exit 0; }
rm -rf "$final"
reason=$(mv "$temporary" "$final" 2>&1) || give_up unwritable "$reason"
rm -f "$partial"
${sweepFunction(part)}
sweep "$base" "$final"
release
say installed "$verified"
`;
}

/** Reads the first answer; undefined as long as there is none. */
export function parseReceiveBegin(stdout: string): ReceiveBegin | undefined {
  const answers = answersOf(stdout);
  const lacking = answers.find(({ word }) => word === "lacking");
  if (lacking !== undefined) return { state: "lacking", tool: lacking.rest };
  const have = answers.find(({ word, rest }) => word === "have" && /^\d+$/.test(rest));
  if (have !== undefined) {
    const free = answers.find(({ word, rest }) => word === "free" && /^\d+$/.test(rest))?.rest;
    return {
      state: "have",
      have: Number(have.rest),
      ...(free === undefined ? {} : { freeBytes: Number(free) * 1024 }),
    };
  }
  const begun = parseBegin(stdout);
  return begun === undefined || begun.state === "ready" || begun.state === "bare" ? undefined : begun;
}

/** Reads the last answer; undefined when there is none. */
export function parseReceiveEnd(stdout: string): ReceiveEnd | undefined {
  const short = answersOf(stdout).find(({ word, rest }) => word === "short" && /^\d+$/.test(rest));
  return short === undefined ? parseCommit(stdout) : { state: "short", have: Number(short.rest) };
}
