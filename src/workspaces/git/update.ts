import { isBerthError } from "../../contract/errors.ts";
import { scriptArgv } from "./environment.ts";
import type { GitPlace } from "./git-place.ts";

/** Long enough for a fetch of a few commits, short enough that nobody wonders. */
const DEFAULT_DEADLINE_MS = 10_000;
/** For the script to end what the deadline has cut, before its runner ends the script. */
const END_MS = 5_000;

export interface UpdateOptions {
  /** Absolute path of the checkout. */
  readonly path: string;
  /** The project is trusted: git's hooks run. */
  readonly hooks: boolean;
  /** Milliseconds for all of it. Default 10,000. */
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export type UpdateResult =
  /** `from` and `to` are commits; equal when there was nothing new. */
  | { readonly state: "updated"; readonly from: string; readonly to: string }
  | { readonly state: "skipped"; readonly reason: string }
  /** For people; nothing of the checkout has changed. */
  | { readonly state: "failed"; readonly notice: string };

/**
 * $1 checkout, $2 seconds, $3 "yes": with hooks. The deadline is kept here, as only the place can end all of what a
 * pull has started: ssh, helpers and hooks. They are found by descent, in /proc or from ps, whichever is there.
 */
const PULL = `
cd -- "$1" || exit 1
branch=$(git symbolic-ref --quiet --short HEAD) || { echo skipped; echo "no branch is checked out"; exit 0; }
merge=$(git config --get "branch.$branch.merge") && remote=$(git config --get "branch.$branch.remote") ||
  { echo skipped; echo "the branch $branch follows no other one"; exit 0; }
[ "$remote" = . ] || git config --get "remote.$remote.url" >/dev/null || { echo skipped; echo "there is no remote $remote"; exit 0; }
from=$(git rev-parse --verify --quiet HEAD) || { echo skipped; echo "the branch $branch has no commit"; exit 0; }
if [ -z "\${GIT_SSH_COMMAND-}\${GIT_SSH-}" ] && [ -z "$(git config --get core.sshCommand)" ]; then
  GIT_SSH_COMMAND="ssh -o BatchMode=yes -o ConnectTimeout=$2"
  export GIT_SSH_COMMAND
fi
export SSH_ASKPASS_REQUIRE=force GCM_INTERACTIVE=never
parents() {
  if [ -r /proc/self/stat ]; then
    for file in /proc/[0-9]*/stat; do
      read -r stat < "$file" || continue
      rest=\${stat##*) }
      rest=\${rest#* }
      echo "\${stat%% *} \${rest%% *}"
    done 2>/dev/null
  else ps -A -o pid= -o ppid=; fi
}
# All that comes from the process $1, and itself.
family() {
  found=" $1 "
  all=$(parents)
  more=yes
  while [ -n "$more" ]; do
    more=
    while read -r pid parent; do
      case $found in
        *" $pid "*) ;;
        *" $parent "*) found="$found$pid " more=yes ;;
      esac
    done <<LIST
$all
LIST
  done
}
started_of() {
  { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 0
  set -- \${stat##*) }
  echo "\${20}"
}
pull() {
  set -- -c pull.rebase=false -c merge.autoStash=false -c rebase.autoStash=false pull --quiet --ff-only
  if [ "$hooks" = yes ]; then git_with_hooks "$@"; else git "$@"; fi
}
hooks=$3
said=$(mktemp "\${TMPDIR:-/tmp}/berth-pull.XXXXXX") || exit 1
# Without a name it is gone with the script, however that ends.
exec 4>"$said" 5<"$said" && rm -f -- "$said" || exit 1
pull >&4 2>&1 </dev/null &
pulling=$!
started=$(started_of $pulling)
living() { for pid in $before; do kill -0 "$pid" && return 0; done; return 1; }
(
  trap exit TERM
  ticks=0
  # Until the deadline, or until the script itself is ended from outside.
  while [ $ticks -lt "$2"0 ] && kill -0 $$; do
    if sleep 0.1; then ticks=$((ticks + 1)); else sleep 1; ticks=$((ticks + 10)); fi
  done
  trap '' TERM
  # When the script was ended behind its pull, the number may be another process's by now.
  [ "$(started_of $pulling)" = "$started" ] || exit
  echo late >&4
  family $pulling
  before=$found tries=0
  kill -TERM $before
  while [ $tries -lt 10 ] && living; do sleep 0.1 || sleep 1; tries=$((tries + 1)); done
  family $pulling
  kill -KILL $before $found
) >/dev/null 2>&1 </dev/null &
watching=$!
wait $pulling
code=$?
kill -TERM $watching 2>/dev/null
if [ $code = 0 ]; then echo updated; echo "$from"; git rev-parse HEAD
else
  said=$(cat <&5)
  if printf '%s\\n' "$said" | grep -qx late; then wait $watching; echo late
  else echo failed; printf '%s\\n' "$said" | grep -v '^hint:' | tail -n 20; fi
fi
`;

/**
 * `git pull --ff-only` as far as it goes: what hinders it is a notice, as the checkout is good without. Asks nobody for
 * anything, and nothing of it runs on behind the deadline.
 * @throws operation.aborted, and what the way to the place throws
 */
export async function updateCheckout(git: GitPlace, options: UpdateOptions): Promise<UpdateResult> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const seconds = Math.max(1, Math.ceil(deadlineMs / 1000));
  const late = `git pull was not done in ${seconds} s`;
  try {
    const result = await git.run(
      scriptArgv(PULL, [options.path, String(seconds), options.hooks ? "yes" : ""]),
      { signal: options.signal, timeoutMs: seconds * 1000 + END_MS },
    );
    const [state, ...lines] = result.stdout.toString("utf8").trimEnd().split("\n");
    const [first = "", second = ""] = lines;
    if (state === "updated") return { state, from: first, to: second };
    if (state === "skipped") return { state, reason: first };
    if (state === "late") return { state: "failed", notice: late };
    const said = state === "failed" ? lines : result.stderr.trim().split("\n");
    const cause = said.findLast((line) => /^(?:fatal|error|ssh):/.test(line)) ?? said.at(-1) ?? "";
    return { state: "failed", notice: `git pull: ${cause === "" ? `exit code ${result.exitCode}` : cause}` };
  } catch (error) {
    if (isBerthError(error, "operation.timeout")) return { state: "failed", notice: late };
    throw error;
  }
}
