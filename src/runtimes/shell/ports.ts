import { berthError } from "../../contract/errors.ts";
import { type ListeningPort, listeningAddress, sortedPorts } from "../../contract/listening.ts";
import { located } from "../../contract/located.ts";
import type { Runtime } from "../../contract/runtime.ts";

const EXIT_NO_PROC = 3;
const DEADLINE_MS = 10_000;

/** Only what listens crosses the network, whatever else is connected. */
const LISTENING = `
seen=
for file in /proc/net/tcp /proc/net/tcp6; do
  [ -r "$file" ] || continue
  seen=yes
  while read -r _ local _ state _; do
    case $state in 0A) printf '%s\\n' "$local" ;; esac
  done < "$file"
done
[ -n "$seen" ] || exit ${EXIT_NO_PROC}
`;

/**
 * What listens at a TCP port of a place without a daemon.
 * @throws runtime.capability_unsupported: the place has no /proc/net
 */
export async function shellPorts(
  exec: Runtime["exec"],
  description: string,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ListeningPort[]> {
  const { exitCode, stdout, stderr } = await exec(["/bin/sh", "-c", LISTENING], {
    cwd: "/",
    timeoutMs: DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  if (exitCode !== 0) {
    throw berthError("runtime.capability_unsupported", {
      runtime: description,
      message: `ports can't be listed ${located(description)}: ${
        exitCode === EXIT_NO_PROC ? "it has no /proc/net/tcp" : stderr.trim().split("\n").at(-1)
      }`,
      context: { capability: "ports" },
    });
  }
  return sortedPorts(stdout.split("\n").flatMap((line) => listeningAddress(line) ?? []));
}
