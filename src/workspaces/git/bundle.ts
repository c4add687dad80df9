import { berthError, isBerthError } from "../../contract/errors.ts";
import { located } from "../../contract/located.ts";
import type { Repository } from "./base.ts";
import { scriptArgv } from "./environment.ts";
import { isObjectName, isRefName, OBJECTS_AS_THEY_ARE } from "./objects.ts";
import { gitFailed } from "./places.ts";

/** Bytes of what a sender may say before its pack: boundaries of shallow clones, 50 bytes each. */
const PREAMBLE_BYTES = 4 * 1024 * 1024;
/** "PACK", version, number of objects. */
const PACK_HEADER_BYTES = 12;

export interface PackRequest {
  readonly want: readonly string[];
  /** What the receiver has; what the sender does not know of it is no help, and no error. */
  readonly have: readonly string[];
  /** Commits whose parents the receiver lacks. */
  readonly shallow: readonly string[];
  /** Sends what is behind the receiver's boundary, where the sender has it. */
  readonly deepen: boolean;
}

/** What a sender tells before its pack. */
export interface Preamble {
  /** Commits whose parents the sender lacks. */
  readonly shallow: readonly string[];
  /** Commits of the receiver's boundary whose parents are in the pack. */
  readonly unshallow: readonly string[];
  readonly objects: number;
}

export interface OutgoingPack {
  readonly preamble: Preamble;
  /** The pack, from its first byte. */
  readonly pack: AsyncIterable<Uint8Array>;
}

const PARTIAL = 95;

/**
 * $1 repository, $2 "deepen" or ""; stdin: "want OBJECT", "have OBJECT", "shallow OBJECT". Objects are packed as they
 * are stored, deltas reused, and only against what the receiver has, so that what it lacks is all that travels.
 */
const SEND = `GIT_DIR=$1; export GIT_DIR
deepen=$2
all=$(cat)
part() { printf '%s\\n' "$all" | sed -n "s/^$1 //p"; }
common=$(git rev-parse --git-common-dir && printf x) || exit
# What a partial clone lacks can be nothing's base.
if git config --get-regexp '^(extensions\\.partialclone|remote\\..*\\.promisor)$' >/dev/null; then thin=; else thin=thin; fi
theirs=$(part shallow) own=
if [ -s "\${common%?x}/shallow" ]; then
  own=$(cat "\${common%?x}/shallow")
  printf '%s\\n' "$own" | sed 's/^/shallow /'
fi
more=
if [ "$deepen" ]; then
  for commit in $theirs; do
    case "
$own
" in *"
$commit
"*) continue ;; esac
    parents=$(git rev-parse -q --verify "$commit^{commit}" >/dev/null && git rev-parse "$commit^@") || continue
    printf 'unshallow %s\\n' "$commit"
    more="$more$parents
"
  done
fi
printf '\\n'
{
  for commit in $theirs; do printf -- '--shallow %s\\n' "$commit"; done
  part want
  printf '%s' "$more" | sed '/^$/d'
  part have | sed 's/$/^{commit}/' |
    git cat-file --batch-check='%(objectname) %(objecttype)' | sed -n 's/^\\([0-9a-f]*\\) commit$/^\\1/p'
} | git pack-objects -q --revs \${thin:+--thin} --stdout --delta-base-offset \${theirs:+--shallow}
code=$?
if [ $code -ne 0 ] && [ -z "$thin" ]; then exit ${PARTIAL}; fi
exit $code
`;

/**
 * Starts the pack of what a receiver lacks, and waits for its beginning.
 * @throws workspace.partial_clone, workspace.git_failed
 */
export async function sendPack(
  from: Repository,
  request: PackRequest,
  signal: AbortSignal,
): Promise<OutgoingPack> {
  const lines = [
    ...request.shallow.map((object) => `shallow ${object}\n`),
    ...request.want.map((object) => `want ${object}\n`),
    ...request.have.map((object) => `have ${object}\n`),
  ];
  const stream = from.git.stream(scriptArgv(SEND, [from.gitDir, request.deepen ? "deepen" : ""]), {
    env: OBJECTS_AS_THEY_ARE,
    input: lines.join(""),
    signal,
  });
  const chunks = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  for (;;) {
    const end = head[0] === 10 ? 0 : head.indexOf("\n\n");
    const packAt = end < 0 ? -1 : end + (end === 0 ? 1 : 2);
    if (packAt >= 0 && head.length >= packAt + PACK_HEADER_BYTES) {
      const preamble = parsePreamble(from, head.subarray(0, packAt), head.subarray(packAt));
      return { preamble, pack: rest(from, head.subarray(packAt), chunks) };
    }
    if (head.length > PREAMBLE_BYTES) throw noPack(from);
    const next = await chunks.next().catch((error: unknown) => Promise.reject(explained(from, error)));
    if (next.done) throw noPack(from);
    head = Buffer.concat([head, next.value]);
  }
}

async function* rest(
  from: Repository,
  first: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    yield first;
    for (;;) {
      const next = await chunks.next();
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    throw explained(from, error);
  } finally {
    await chunks.return?.();
  }
}

function parsePreamble(from: Repository, text: Buffer, pack: Buffer): Preamble {
  if (pack.subarray(0, 4).toString("latin1") !== "PACK") throw noPack(from);
  const said = { shallow: [] as string[], unshallow: [] as string[] };
  for (const line of text.toString("latin1").split("\n")) {
    if (line === "") continue;
    const [key, object = ""] = line.split(" ");
    if ((key !== "shallow" && key !== "unshallow") || !isObjectName(object)) throw noPack(from);
    said[key].push(object);
  }
  return { ...said, objects: pack.readUInt32BE(8) };
}

function noPack(from: Repository) {
  return berthError("workspace.git_failed", {
    message: `git ${located(from.git.description)} sent something that is no pack`,
    context: { runtime: from.git.description },
  });
}

function explained(from: Repository, error: unknown): unknown {
  if (!isBerthError(error, "workspace.git_failed") || error.context.exitCode !== PARTIAL) return error;
  return berthError("workspace.partial_clone", {
    context: { ...error.context, path: from.gitDir, runtime: from.git.description },
    cause: error,
  });
}

/** What a receiver does with a pack. */
export interface ReceiveRequest {
  /** Set in one transaction, whatever they were. */
  readonly refs: readonly { readonly name: string; readonly commit: string }[];
  /** Made where no tag of that name is. */
  readonly tags: readonly { readonly name: string; readonly object: string }[];
  readonly shallow: readonly string[];
  readonly unshallow: readonly string[];
  readonly objectFormat: "sha1" | "sha256";
  /** undefined: refs only. */
  readonly pack: AsyncIterable<Uint8Array> | undefined;
  /** The pack needs nothing that is there: its completeness can be told from itself. */
  readonly whole: boolean;
  /** The sender is not trusted: objects that could do harm when they are checked out are refused. */
  readonly untrusted: boolean;
  /** Kept in a base of Berth's, to know the same tags again. */
  readonly tagsDigest: string | undefined;
}

const CUT_SHORT = 91;
const BAD_OBJECTS = 90;
const INCOMPLETE = 89;
const LOCKED = 88;

/** Tenths of a second that another one's lock of the boundary is waited for. */
const LOCK_TRIES = 30;
/** The same for refs, in milliseconds; git's default is 100, which a busy machine does not keep. */
const REF_LOCK_MS = 3_000;

/**
 * Defects that old programs left in the history of many a project, and that harm nobody who checks it out. Everything
 * else that `git fsck` calls an error is one, above all names like ".git" and what hides in .gitmodules.
 */
const HARMLESS = [
  "badDate",
  "badDateOverflow",
  "badEmail",
  "badName",
  "badTimezone",
  "missingEmail",
  "missingNameBeforeEmail",
  "missingSpaceBeforeDate",
  "missingSpaceBeforeEmail",
  "multipleAuthors",
  "zeroPaddedDate",
  "zeroPaddedFilemode",
]
  .map((id) => `${id}=ignore`)
  .join(",");

/**
 * $1 repository, $2 "pack" or "", $3 "whole" or "", $4 "untrusted" or "", $5 digest of tags, $6 a word of chance;
 * stdin: a git bundle, whose capabilities also tell about boundaries of shallow clones. git reads bundles from files
 * only, so its few lines are read here, and index-pack gets the rest. Objects come into a quarantine below the
 * repository's own, which git's prune knows by its name too, and leave it when nothing is missing; then the boundary is
 * moved, then the refs. So a cut at any point leaves nothing that a ref reaches and is not whole.
 */
const RECEIVE = `pack=$2 whole=$3 untrusted=$4 digest=$5 chance=$6
common=$(git --git-dir="$1" rev-parse --git-common-dir && printf x) || exit
common=$(cd "\${common%?x}" && pwd -P && printf x) || exit
GIT_DIR=\${common%?x}; export GIT_DIR
objects=$GIT_DIR/objects
# Processes of other hosts and containers can't be seen from here.
here=$(uname -n | tr -dc 'a-zA-Z0-9')$(readlink /proc/self/ns/pid 2>/dev/null | tr -dc '0-9')
for old in "$objects"/tmp_objdir-berth-*; do
  [ -d "$old" ] || continue
  rest=\${old##*/tmp_objdir-berth-}; pid=\${rest%%-*}; rest=\${rest#*-}
  case $pid in *[!0-9]*|'') continue ;; esac
  if [ "\${rest%%-*}" = "$here" ] && ! kill -0 "$pid" 2>/dev/null; then rm -rf "$old"
  elif [ -z "$(find "$old" -mtime -1 2>/dev/null | head -n 1)" ]; then rm -rf "$old"
  fi
done
q=$objects/tmp_objdir-berth-$$-$here-$chance
mkdir "$q" "$q/pack" "$q/info" || exit
lock=
trap 'rm -rf "$q" \${lock:+"$lock"}' EXIT; trap 'exit 129' HUP INT TERM PIPE
ended=
exec 3>"$q/refs" 4>"$q/tags" 5>"$q/shallow" 6>"$q/unshallow" || exit
while IFS= read -r line; do
  case $line in
    '') ended=ended; break ;;
    '@shallow='*) printf '%s\\n' "\${line#*=}" >&5 ;;
    '@unshallow='*) printf '%s\\n' "\${line#*=}" >&6 ;;
    '@'*|'#'*) ;;
    *' refs/tags/'*) printf '%s\\n' "$line" >&4 ;;
    *) printf '%s\\n' "$line" >&3 ;;
  esac
done
exec 3>&- 4>&- 5>&- 6>&-
[ "$ended" ] || exit ${CUT_SHORT}

# Relative, because not every path can stand in GIT_ALTERNATE_OBJECT_DIRECTORIES.
printf '..\\n' >"$q/info/alternates" || exit
if [ "$pack" ]; then
  set -- index-pack --stdin --fix-thin
  [ -z "$untrusted" ] || set -- "$@" --strict=${HARMLESS}
  if [ "$whole" ] && ! [ -s "$q/shallow" ]; then set -- "$@" --check-self-contained-and-connected; fi
  if [ -s "$q/shallow" ]; then
    # What is behind the sender's boundary is not missed yet.
    cat "$GIT_DIR/shallow" "$q/shallow" >"$q/grafts" 2>/dev/null
    set -- --shallow-file "$q/grafts" "$@"
    whole=
  fi
  GIT_OBJECT_DIRECTORY=$q git "$@" >/dev/null
  code=$?
  case $code in 0) ;; 1) [ "$whole" ] || exit ${BAD_OBJECTS}; whole= ;; *) exit ${BAD_OBJECTS} ;; esac
else
  whole=
fi

boundary=
if [ -s "$q/shallow" ] || [ -s "$q/unshallow" ]; then
  whole= boundary=$q/boundary
  # git's own lock of that file, from before it is read.
  tries=0
  until (set -C; : >"$GIT_DIR/shallow.lock") 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -le ${LOCK_TRIES} ] || { printf '%s\n' "$GIT_DIR/shallow.lock" >&2; exit ${LOCKED}; }
    sleep 0.1 2>/dev/null || sleep 1
  done
  lock=$GIT_DIR/shallow.lock
  {
    if [ -s "$GIT_DIR/shallow" ]; then
      if [ -s "$q/unshallow" ]; then grep -v -x -F -f "$q/unshallow" "$GIT_DIR/shallow"; else cat "$GIT_DIR/shallow"; fi
    fi
    # Of the sender's boundary what is here now, and has parents that are not.
    GIT_OBJECT_DIRECTORY=$q git cat-file --batch-check='%(objectname) %(objecttype)' <"$q/shallow" |
      sed -n 's/^\\([0-9a-f]*\\) commit$/\\1/p' | while read -r commit; do
        GIT_OBJECT_DIRECTORY=$q git cat-file commit "$commit" | sed -n '/^$/q; s/^parent //p' >"$q/parents"
        if GIT_OBJECT_DIRECTORY=$q git cat-file --batch-check='%(objectname) %(objecttype)' <"$q/parents" | grep -q ' missing$'; then
          printf '%s\\n' "$commit"
        fi
      done
  } | sort -u >"$boundary"
  if [ -s "$GIT_DIR/shallow" ] && sort -u "$GIT_DIR/shallow" | cmp -s - "$boundary"; then boundary=; fi
  if ! [ -s "$GIT_DIR/shallow" ] && ! [ -s "$q/boundary" ]; then boundary=; fi
fi

if [ -s "$q/refs" ] || [ -s "$q/tags" ]; then
  cat "$q/refs" "$q/tags" | sed 's/ .*//' >"$q/tips"
  if [ "$whole" ]; then
    ! GIT_OBJECT_DIRECTORY=$q git cat-file --batch-check <"$q/tips" | grep -q ' missing$' || exit ${INCOMPLETE}
  else
    GIT_OBJECT_DIRECTORY=$q git \${boundary:+--shallow-file "$boundary"} rev-list --objects --stdin --quiet --not --all <"$q/tips" >&2 || exit ${INCOMPLETE}
  fi
fi

# The index last: a pack is one as soon as it has it.
mkdir -p "$objects/pack" || exit
for suffix in pack rev idx; do
  for file in "$q"/pack/pack-*.$suffix; do
    [ ! -e "$file" ] || mv -f "$file" "$objects/pack/" || exit
  done
done
if [ "$boundary" ]; then
  if [ -s "$boundary" ]; then
    cat "$boundary" >"$lock" && mv "$lock" "$GIT_DIR/shallow" || exit
  else
    rm -f "$GIT_DIR/shallow" "$lock"
  fi
  lock=
fi
if [ "$lock" ]; then rm -f "$lock"; lock=; fi
sed 's/^\\([0-9a-f]*\\) \\(.*\\)$/update \\2 \\1/' "$q/refs" | git -c core.filesRefLockTimeout=${REF_LOCK_MS} update-ref --stdin || exit
if [ -s "$q/tags" ]; then
  if ! sed 's/^\\([0-9a-f]*\\) \\(.*\\)$/create \\2 \\1/' "$q/tags" | git update-ref --stdin 2>/dev/null; then
    # Another one made some, or the file system takes two of them for one.
    while read -r object name; do git update-ref "$name" "$object" '' 2>/dev/null; done <"$q/tags"
  fi
  case $(wc -l <"$q/tags") in *[0-9][0-9][0-9]) git pack-refs --all 2>/dev/null ;; esac
fi
if [ "$digest" ] && [ "$(git config --get --bool berth.base)" = true ]; then git config berth.tags "$digest" 2>/dev/null; fi
exit 0
`;

/**
 * Takes a pack into a repository and sets refs, all or nothing.
 * @throws workspace.locked, workspace.git_failed; what the pack's source throws
 */
export async function receivePack(
  to: Repository,
  request: ReceiveRequest,
  signal: AbortSignal,
): Promise<void> {
  const argv = scriptArgv(RECEIVE, [
    to.gitDir,
    request.pack === undefined ? "" : "pack",
    request.whole ? "whole" : "",
    request.untrusted ? "untrusted" : "",
    request.tagsDigest ?? "",
    crypto.randomUUID(),
  ]);
  const header = bundleHeader(request);
  const { pack } = request;
  const result = await to.git.run(argv, {
    env: OBJECTS_AS_THEY_ARE,
    input: pack === undefined ? header : withHeader(header, pack),
    signal,
  });
  if (result.exitCode === 0) return;
  const what = {
    [CUT_SHORT]: "what was sent ended early",
    [BAD_OBJECTS]: request.untrusted
      ? "what was sent is damaged, or could do harm"
      : "what was sent is damaged",
    [INCOMPLETE]: "what was sent is not complete",
  }[result.exitCode];
  const lock =
    result.exitCode === LOCKED
      ? result.stderr.trim().split("\n").at(-1)
      : /Unable to create '(.*\.lock)': File exists/s.exec(result.stderr)?.[1];
  if (lock !== undefined) throw berthError("workspace.locked", { context: { path: lock } });
  const failed = gitFailed(to.git.description, ["git", "index-pack"], result);
  if (what === undefined) throw failed;
  throw berthError("workspace.git_failed", {
    message: `${what}: ${failed.message}`,
    context: failed.context,
  });
}

/** A bundle's first lines (gitformat-bundle, version 3), with the boundary as a capability of Berth's own. */
function bundleHeader(request: ReceiveRequest): Buffer {
  const lines = [
    "# v3 git bundle",
    `@object-format=${request.objectFormat}`,
    ...request.shallow.map((commit) => `@shallow=${commit}`),
    ...request.unshallow.map((commit) => `@unshallow=${commit}`),
    ...request.refs.map(({ name, commit }) => line(commit, name)),
    ...request.tags.map(({ name, object }) => line(object, name)),
    "",
    "",
  ];
  return Buffer.from(lines.join("\n"));
}

function line(object: string, name: string): string {
  if (isObjectName(object) && isRefName(name)) return `${object} ${name}`;
  throw berthError("workspace.branch_invalid", { context: { branch: name } });
}

async function* withHeader(header: Buffer, pack: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield header;
  yield* pack;
}
