import { type PayloadPart, SUMS_FILE } from "./payload-manifest.ts";
import { TEMPORARY } from "./payload-scripts.ts";

/** In a daemon's directory: the directories of the payload that it was started from, one a line. */
export const USED_PAYLOAD_FILE = "payload";
/** Parts of each kind that stay, whether they are used or not: those of two versions that take turns. */
const KEPT = 2;

/**
 * A shell function `sweep BASE CURRENT` that removes installed parts of one kind which no daemon was started from that
 * still has its socket, but never the current one nor the newest two. Daemons of other hosts that share the directory
 * count. One that does not say what it uses keeps everything.
 */
export function sweepFunction(part: PayloadPart): string {
  return `sweep() {
  for socket in "\${1%/*}"/run/*/*/sock; do
    [ ! -S "$socket" ] || [ -f "\${socket%/sock}/${USED_PAYLOAD_FILE}" ] || return 0
  done
  ls -1td "$1"/${part}-* 2>/dev/null | {
    newer=0
    while IFS= read -r old; do
      newer=$((newer + 1))
      [ "$newer" -gt ${KEPT} ] && [ "$old" != "$2" ] && [ -f "$old/${SUMS_FILE}" ] || continue
      used=
      for file in "\${1%/*}"/run/*/*/${USED_PAYLOAD_FILE}; do
        [ -S "\${file%/*}/sock" ] || continue
        while IFS= read -r line; do [ "$line" != "$old" ] || used=1; done <"$file"
      done
      # Renamed first: what is half removed is never taken for whole.
      [ -n "$used" ] || { mv "$old" "$1/${TEMPORARY}$token-old" && rm -rf "$1/${TEMPORARY}$token-old"; }
    done
  }
}`;
}
