import { shellQuote } from "../../transports/shell-quote.ts";
import { launchDaemon, launchScript } from "../payload-launch.ts";
import type { PayloadManifest } from "../payload-manifest.ts";
import { USED_PAYLOAD_FILE } from "../payload-sweep-script.ts";
import { DIAL_MARK } from "./probe-script.ts";

export const START_MARK = "berth-start";

export interface StartRequest {
  readonly manifest: PayloadManifest;
  readonly bundleDirectory: string;
  readonly node: { readonly directory: string } | { readonly executable: string };
  /** Directory of the daemon: sock, token, log, lock. */
  readonly runDirectory: string;
  /** More arguments of `berthd serve`. */
  readonly serveArguments?: readonly string[];
}

/** Attempts to dial a daemon that was just started, 30 ms apart where `sleep` knows fractions. */
const DIAL_ATTEMPTS = 400;

/**
 * Starts the daemon and dials it on the same stream. Started through the helper, which holds a lock for the
 * daemon's life, so that of many clients one starts it and all reach that one; where the helper can't be executed,
 * the daemon guards itself. The token is made in the place, of the kernel's random numbers, so that it is in no argv.
 */
export function startScript(request: StartRequest): string {
  const { manifest, bundleDirectory, runDirectory: run } = request;
  const helper = `${bundleDirectory}/${manifest.helper ?? "berth-helper"}`;
  const entry = `${bundleDirectory}/${manifest.entry}`;
  const args = ["serve", "--dir", run, ...(request.serveArguments ?? [])];
  const launch = (more: readonly string[]) =>
    launchDaemon({ manifest, bundleDirectory, node: request.node, args: [...args, ...more] });
  const withHelper = launch(["--helper", helper]);
  const alone = launch([]);
  const log = `${run}/daemon.log`;
  const daemonize = [helper, "daemonize", "--lock", `${run}/lock`, "--log", log, "--"];
  const helperBridge = [helper, "dial"].map(shellQuote).join(" ");
  const nodeBridge = [...alone.nodeArgv, entry, "dial"].map(shellQuote).join(" ");
  return `run=${shellQuote(run)}
say() { printf '${START_MARK} %s %s\\n' "$1" "$2"; }
old=$(umask); umask 077
made=$(mkdir -p "$run/." 2>&1) || { say failed "$made"; exit 70; }
if [ ! -s "$run/token" ]; then
  token=
  for _ in 1 2; do
    { read -r uuid </proc/sys/kernel/random/uuid; } 2>/dev/null || break
    IFS=-; set -- $uuid; unset IFS
    token=$token$1$2$3$4$5
  done
  if [ \${#token} -eq 64 ]; then
    printf '%s\n' "$token" >"$run/token.$$"
    ln "$run/token.$$" "$run/token" 2>/dev/null || [ -s "$run/token" ] || mv "$run/token.$$" "$run/token"
    rm -f "$run/token.$$"
  fi
fi
printf '%s\\n' ${[bundleDirectory, ...("directory" in request.node ? [request.node.directory] : [])].map(shellQuote).join(" ")} >"$run/${USED_PAYLOAD_FILE}"
umask "$old"
cd /
keep_bridge() { (umask 077; printf '%s\\n' "$bridge" >"$run/bridge.$$" && mv "$run/bridge.$$" "$run/bridge"); }
locked=
launch() {
  pid=$(
${launchScript(withHelper, daemonize)}
  )
  status=$?
  case $status in
    0) locked=; say pid "$pid" ;;
    75) pid= locked=locked ;;
    *) [ -z "$locked" ] || return 0; say failed "$status"; exit 70 ;;
  esac
}
if ${shellQuote(helper)} version >/dev/null 2>&1; then
  bridge=${shellQuote(helperBridge)}
  keep_bridge
  launch
else
  bridge=${shellQuote(nodeBridge)}
  keep_bridge
  say helper missing
  (
    trap '' HUP
${launchScript(alone)}
  ) </dev/null >>${shellQuote(log)} 2>&1 &
  pid=$!
  say pid "$pid"
fi
# What has ended stays as a zombie where the first process is no init.
alive() {
  kill -0 "$1" 2>/dev/null || return 1
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  case \${stat##*) } in [ZX]*) return 1 ;; esac
}
pause() { sleep 0.03 2>/dev/null || sleep 1; }
attempt=0
while [ ! -s "$run/token" ] && [ "$attempt" -lt ${DIAL_ATTEMPTS} ]; do attempt=$((attempt + 1)); pause; done
read -r token <"$run/token"
say token "$token"
say bridge "$bridge"
attempt=0
while :; do
  eval "$bridge \\"\\$run/sock\\"" </dev/null >/dev/null 2>&1 && break
  if [ -n "$pid" ] && ! alive "$pid"; then echo "the daemon has ended" >&2; exit 70; fi
  attempt=$((attempt + 1))
  [ "$attempt" -lt ${DIAL_ATTEMPTS} ] || { echo "the daemon's socket did not appear" >&2; exit 71; }
  pause
  # Whoever held the lock may have been a daemon at its end, which lets go of it after its connections. Where it is a
  # daemon that starts, its client may have swept this payload meanwhile.
  [ -z "$locked" ] || launch 2>/dev/null
done
echo ${DIAL_MARK}
eval "exec $bridge \\"\\$run/sock\\""
`;
}

/** The last lines of a daemon's log, for an error. */
export function logTailScript(runDirectory: string): string {
  const log = shellQuote(`${runDirectory}/daemon.log`);
  return `tail -c 2000 ${log} 2>/dev/null || { while read -r line; do printf '%s\\n' "$line"; done <${log}; } 2>/dev/null`;
}
