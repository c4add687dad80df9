#!/bin/sh
# Three agents on one repository, each in a place of its own: a worktree here, a container, a host by SSH.
#
#     examples/three-agents.sh AGENT [ARGUMENT…]
#
# Run it in a project whose berth.yaml names the runtimes `image` (an image that has git) and `box` (a host). AGENT is a
# command that does one task in the directory where it is started, and commits; it gets the task as its last argument.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 AGENT [ARGUMENT…]" >&2; exit 2; }

start() {
  workspace=$1 task=$2
  shift 2
  berth exec -w "$workspace" -d --name agent -- "$@" "$task" >/dev/null
}

# A workspace each, made at the same time, on branches of their own from trunk.
berth workspace create docs -q & docs=$!
berth workspace create tests -q -r image & tests=$!
berth workspace create fix -q -r box & fix=$!
wait "$docs"; wait "$tests"; wait "$fix"
berth workspace list

# An agent each. They work on when this script ends, or when the connection is lost.
start docs "write the documentation" "$@"
start tests "cover the parser with tests" "$@"
start fix "mend the login" "$@"

# As each ends: what it said, what it changed, its commits home, and the place given back.
for workspace in docs tests fix; do
  echo "== $workspace"
  berth attach -w "$workspace" --no-stdin --from 0 agent
  berth workspace diff "$workspace" --stat
  berth workspace pull "$workspace"
  git merge --quiet --no-edit "$workspace"
  berth workspace delete "$workspace" -q
done
git log --oneline --graph
