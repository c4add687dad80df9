import { createHash } from "node:crypto";
import { shellQuote } from "../transports/shell-quote.ts";
import type { Payload } from "./payload.ts";
import { type PayloadPart, SUMS_FILE } from "./payload-manifest.ts";

/*
 * Shell texts that install a part of a payload, for `sh -c` of dash, bash, busybox and BSD. They use what a
 * shell has built in, plus mkdir, mv, rm, and, where they are there, sha256sum or shasum, wc, ls and df.
 * Each answers in lines that start with `berth-install`, whatever else a login shell or a profile prints.
 *
 *     BASE/.lock/owner        token of the Berth that installs; one at a time in a base directory
 *     BASE/.tmp-TOKEN/        what is being unpacked
 *     BASE/.partial-NAME-SHA  what has come of a compressed archive so far (payload-upload-scripts.ts)
 *     BASE/node-<id>/         an installed part: SHA256SUMS in it says that it is complete
 */
export const MARK = "berth-install";
export const LOCK = ".lock";
export const TEMPORARY = ".tmp-";
export const PARTIAL = ".partial-";

/** How sure the place can be that what arrived is what was sent: by checksum, by length, or by name only. */
export type Verified = "sha256" | "size" | "presence";

/** What `beginScript` found. */
export type BeginAnswer =
  /** Installed and complete. */
  | { readonly state: "present" }
  /** Locked by us; unpack into `directory`. `freeBytes` where the place can tell. */
  | { readonly state: "ready"; readonly directory: string; readonly freeBytes?: number }
  /** Another Berth installs. As long as `progress` changes it is alive. */
  | { readonly state: "locked"; readonly owner: string; readonly progress: string }
  /** There are no tools to make directories with: unpack straight to where it belongs. */
  | { readonly state: "bare" }
  | { readonly state: "unwritable"; readonly reason: string };

export type CommitAnswer =
  | { readonly state: "installed"; readonly verified: Verified }
  | { readonly state: "corrupt"; readonly reason: string }
  /** The lock was taken over meanwhile: begin again. */
  | { readonly state: "lost" }
  | { readonly state: "unwritable"; readonly reason: string };

export interface InstallTarget {
  /** Absolute directory in the place, for parts of payloads only. */
  readonly base: string;
  /** `payload.directoryName(part)`. */
  readonly name: string;
  /** Letters and digits, new for every attempt. */
  readonly token: string;
}

export const variables = (target: InstallTarget): string =>
  [
    `base=${shellQuote(target.base)}`,
    `final=${shellQuote(`${target.base}/${target.name}`)}`,
    `token=${shellQuote(target.token)}`,
    `lock="$base/${LOCK}"`,
    `temporary="$base/${TEMPORARY}$token"`,
    `say() { echo "${MARK} $*"; }`,
    'owner_of() { owner=; [ -f "$1/owner" ] && read -r owner < "$1/owner"; }',
    'release() { owner_of "$lock"; [ "$owner" = "$token" ] && rm -rf "$lock"; }',
  ].join("\n");

/** Finds out what there is and, when it is our turn, takes the lock, sweeps leftovers and makes a directory. */
export function beginScript(target: InstallTarget): string {
  return `${variables(target)}
if [ -f "$final/${SUMS_FILE}" ]; then say present; exit 0; fi
for tool in mkdir mv rm; do
  command -v $tool >/dev/null 2>&1 || { say bare; exit 0; }
done
${TAKE_LOCK}
reason=$(mkdir "$temporary" 2>&1) || { rm -rf "$lock"; say unwritable "$reason"; exit 0; }
${SAY_FREE}
say ready "$temporary"
`;
}

/** Makes the base directory and takes the lock, or says who has it and exits; leftovers are swept. */
export const TAKE_LOCK = `reason=$( { umask 022; mkdir -p "$base"; } 2>&1 ) || { say unwritable "$reason"; exit 0; }
if reason=$(mkdir "$lock" 2>&1); then
  echo "$token" > "$lock/owner" || { rm -rf "$lock"; say unwritable "no space in $base"; exit 0; }
elif [ -d "$base" ] && [ -w "$base" ] && [ ! -f "$lock" ] && case $reason in *[Nn]o\\ space*|*[Qq]uota*) false ;; esac; then
  # Another one has it, or gave it back just now.
  owner_of "$lock"
  say locked "$owner"
  ls -lRn "$base" 2>/dev/null
  exit 0
else
  say unwritable "$reason"; exit 0
fi
rm -rf "$base"/${TEMPORARY}*
umask 022`;

export const SAY_FREE = `if command -v df >/dev/null 2>&1; then
  df -Pk "$base" 2>/dev/null | { read -r line; read -r device blocks used free line && say free "$free"; }
fi`;

/** Takes a lock away whose owner shows no progress any more. Only one of several callers succeeds. */
export function takeOverScript(target: InstallTarget, staleOwner: string): string {
  return `${variables(target)}
owner_of "$lock"
[ "$owner" = ${shellQuote(staleOwner)} ] || exit 0
mv "$lock" "$base/.stale-$token" 2>/dev/null || exit 0
# Whoever had it may still write to what it holds open: what has come is gone on with in a file of our own.
for partial in "$base"/${PARTIAL}*; do
  [ -f "$partial" ] || continue
  cp "$partial" "$base/${TEMPORARY}$token" 2>/dev/null && mv "$base/${TEMPORARY}$token" "$partial" || rm -f "$partial" "$base/${TEMPORARY}$token"
done
owner_of "$base/.stale-$token"
if [ "$owner" != ${shellQuote(staleOwner)} ] && [ ! -d "$lock" ]; then
  mv "$base/.stale-$token" "$lock"
else
  rm -rf "$base/.stale-$token"
fi
`;
}

/** Checks what was unpacked, moves it to where it belongs in one step, and gives the lock back. */
export function commitScript(target: InstallTarget, payload: Payload, part: PayloadPart): string {
  return `${variables(target)}
owner_of "$lock"
if [ "$owner" != "$token" ] || [ ! -d "$temporary" ]; then rm -rf "$temporary"; say lost; exit 0; fi
${verifyFunction(payload, part)}
if ! verify "$temporary"; then rm -rf "$temporary"; release; say corrupt "$reason"; exit 0; fi
rm -rf "$final"
reason=$(mv "$temporary" "$final" 2>&1) || { rm -rf "$temporary"; release; say unwritable "$reason"; exit 0; }
release
say installed "$verified"
`;
}

/** Undoes `begin` after a failed upload. */
export function abandonScript(target: InstallTarget): string {
  return `${variables(target)}
rm -rf "$temporary"
release
exit 0
`;
}

/**
 * Checks an installed directory against the payload that it should hold. Exits 0 and answers
 * `berth-install installed sha256` (or `size`, `presence`: what the place's tools allow), or exits 1 and
 * answers `berth-install corrupt REASON`.
 */
export function verifyScript(payload: Payload, part: PayloadPart, directory: string): string {
  return `${verifyFunction(payload, part)}
if verify ${shellQuote(directory)}; then echo "${MARK} installed $verified"; exit 0; fi
echo "${MARK} corrupt $reason"
exit 1
`;
}

/** A shell function `verify DIRECTORY` that sets `verified`, or fails and sets `reason`. */
export function verifyFunction(payload: Payload, part: PayloadPart): string {
  const files = payload.files(part);
  const sums = payload.sums(part);
  const sumsHash = createHash("sha256").update(sums).digest("hex");
  const present = files.map(
    (file) =>
      `  [ -f ${file.path} ] && [ ${file.mode === 0o755 ? "-x" : "-r"} ${file.path} ] || { reason="${file.path} is missing"; return 1; }`,
  );
  const sized = [...files, { path: SUMS_FILE, size: sums.length }].map(
    (file) =>
      `    [ $(wc -c < ${file.path}) -eq ${file.size} ] || { reason="${file.path} has not the length ${file.size}"; return 1; }`,
  );
  return `verify() {
  reason="it cannot be entered"; verified=presence
  cd "$1" || return 1
  reason="${SUMS_FILE} is missing"
  [ -f ${SUMS_FILE} ] || return 1
${present.join("\n")}
  check=
  if command -v sha256sum >/dev/null 2>&1; then check=sha256sum
  elif command -v shasum >/dev/null 2>&1; then check="shasum -a 256"
  fi
  if [ -n "$check" ]; then
    reason="${SUMS_FILE} is not what was sent"
    echo "${sumsHash}  ${SUMS_FILE}" | $check -c >/dev/null 2>&1 || return 1
    reason="a checksum is wrong"
    $check -c ${SUMS_FILE} >/dev/null 2>&1 || return 1
    verified=sha256
  elif command -v wc >/dev/null 2>&1; then
${sized.join("\n")}
    verified=size
  fi
  cd / || return 1
}`;
}

/** Reads the answer of `beginScript`; undefined when there is none. */
export function parseBegin(stdout: string): BeginAnswer | undefined {
  const answers = answersOf(stdout);
  const free = answers.find(({ word }) => word === "free")?.rest;
  const freeBytes = free !== undefined && /^\d+$/.test(free) ? Number(free) * 1024 : undefined;
  for (const { word, rest, after } of answers) {
    if (word === "present" || word === "bare") return { state: word };
    if (word === "locked") return { state: word, owner: rest, progress: after };
    if (word === "unwritable") return { state: word, reason: rest };
    if (word === "ready") {
      return { state: word, directory: rest, ...(freeBytes === undefined ? {} : { freeBytes }) };
    }
  }
  return undefined;
}

/** Reads the answer of `commitScript` or `verifyScript`; undefined when there is none. */
export function parseCommit(stdout: string): CommitAnswer | undefined {
  for (const { word, rest } of answersOf(stdout)) {
    if (word === "lost") return { state: word };
    if (word === "corrupt" || word === "unwritable") return { state: word, reason: rest };
    if (word === "installed" && (rest === "sha256" || rest === "size" || rest === "presence")) {
      return { state: word, verified: rest };
    }
  }
  return undefined;
}

export function answersOf(stdout: string): { word: string; rest: string; after: string }[] {
  const lines = stdout.split(/\r?\n/);
  return lines.flatMap((line, index) => {
    if (!line.startsWith(`${MARK} `)) return [];
    const [word = "", ...rest] = line.slice(MARK.length + 1).split(" ");
    return [{ word, rest: rest.join(" ").trim(), after: lines.slice(index + 1).join("\n") }];
  });
}
