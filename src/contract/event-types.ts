/** What an event of a type tells: a sentence, and the fields of its `data`. */
export interface EventType {
  readonly meaning: string;
  readonly data: readonly string[];
}

const type = (meaning: string, ...data: readonly string[]): EventType => ({ meaning, data });

/**
 * Every type of event, for docs/events.md. Their names and the meaning of their fields stay; fields may be added. Nothing in
 * them is a secret, output, environment, or the words of a command.
 */
export const EVENT_TYPES = {
  "workspace.created": type("a workspace was made, forked or completed", "branch", "runtime", "forkedFrom"),
  "workspace.create_failed": type("a workspace was not made, and what was made for it is removed", "reason"),
  "workspace.create_interrupted": type(
    "a workspace is half made: it is completed or removed later",
    "reason",
  ),
  "workspace.ready": type("the set-up of a workspace has run", "exitCode", "signal", "skipped"),
  "workspace.init_failed": type("the set-up of a workspace has failed", "exitCode", "signal"),
  "workspace.update_failed": type("the branch could not be updated before the set-up"),
  "workspace.hooks_disabled": type("the project is not trusted: its hooks do not run"),
  "workspace.files_included": type("ignored files came along by .berth/include", "files", "bytes"),
  "workspace.left_behind": type("uncommitted state that did not come along", "leftBehind"),
  "workspace.submodules_missing": type("submodules that could not be had", "submodules"),
  "workspace.configured": type("fields of the configuration were changed", "fields"),
  "workspace.renamed": type("a workspace was renamed", "from"),
  "workspace.stopped": type("the container of a workspace was stopped"),
  "workspace.started": type("the container of a workspace runs again"),
  "workspace.pushed": type("commits were sent to the workspace", "from", "to"),
  "workspace.pulled": type("commits came home from the workspace", "from", "to"),
  "workspace.applied": type("changes of the workspace were applied to the project", "files"),
  "workspace.deleted": type("a workspace was deleted", "removed"),

  "project.trusted": type("the hooks of a project may run from now on", "project", "name"),
  "project.distrusted": type("the hooks of a project do not run any more", "project", "name"),

  "operation.started": type(
    "something that takes a while was begun through the runner",
    "operation",
    "kind",
    "name",
  ),
  "operation.succeeded": type("it has come to its end", "operation", "kind", "name"),
  "operation.failed": type("it has failed", "operation", "kind", "name", "code"),
  "operation.cancelled": type("it was cancelled by its caller", "operation", "kind", "name"),
  "operation.interrupted": type("it was cut by the end of the runner", "operation", "kind", "name"),

  "runtime.selected": type("a runtime was chosen and opened", "type"),
  "provision.connect": type("the way to a place is made"),
  "provision.probe": type("a place is looked at"),
  "provision.pull": type("an image is pulled"),
  "provision.build": type("an image is built"),
  "provision.create": type("a container is made"),
  "provision.upload": type("what Berth needs there is sent", "bytes"),
  "provision.start": type("the daemon is started"),
  "provision.handshake": type("the daemon answers"),
  "provision.ready": type("the place is ready"),
  "provision.fallback": type("no daemon can be there: the place is used through its shell", "code"),
  "docker.container_made": type("a workspace's container was made", "container", "image", "workspace"),
  "docker.container_started": type("a container runs", "container", "image", "ports", "workspace"),
  "docker.container_replaced": type(
    "a workspace's container was made anew",
    "container",
    "image",
    "workspace",
  ),
  "docker.container_outdated": type(
    "a workspace's container differs from its configuration",
    "container",
    "image",
    "workspace",
  ),
  "docker.container_removed": type("a container whose owner is gone was removed", "container", "image"),

  "connection.lost": type("the connection to a place was lost", "code"),
  "connection.retry": type("an attempt to connect again has failed", "code"),
  "connection.restored": type("the place is connected again, its processes with it"),
  "connection.restarted": type("the place is connected again; its daemon was restarted"),
  "place.connected": type("the runner has connected to the place of a workspace", "restored", "restarted"),
  "place.lost": type("the runner has lost a place and tries again", "code"),
  "place.down": type(
    "the runner can't reach a place; told again for another reason only",
    "code",
    "retryInMs",
  ),
  "place.closed": type("the runner has left a place", "reason"),

  "process.started": type("a process was started in a place", "pid", "detached", "name", "time", "own"),
  "process.exited": type(
    "a process has ended",
    "exitCode",
    "signal",
    "timedOut",
    "outputBytes",
    "time",
    "own",
  ),
  "process.lease": type("nobody came back to a process: it is sent a signal", "step", "time", "own"),
  "process.ended": type("a process and its tree were ended", "reason", "left", "time", "own"),
  "process.end_failed": type("a command could not be ended", "code"),
  "process.lost": type("a process was lost with the daemon that ran it", "name", "time", "own"),
  "process.events_missed": type("events of a place were not kept there until somebody asked", "count"),
  "process.requested": type("a command was started through the runner", "detached", "tty"),
  "process.executed": type(
    "a command was run to its end through the runner",
    "exitCode",
    "signal",
    "durationMs",
  ),
  "process.input": type("a process was written to through the runner", "bytes", "eof"),
  "process.signalled": type("a process was sent a signal through the runner", "signal"),
  "process.killed": type("a process was asked to end through the runner", "left"),
  "process.moved": type("a command was moved to the background through the runner"),
  "process.detached": type("a process was given no lease: it goes on without a client"),
  "process.removed": type("a finished process and its log were removed"),
  "attach.opened": type("a client attached to a process", "role", "took"),
  "attach.closed": type("a client left a process", "role", "why"),

  "tool.called": type("an agent called a tool that changes something, by MCP", "tool", "code"),

  "file.written": type("a file was written through the runner", "path", "bytes"),
  "file.directory_made": type("a directory was made through the runner", "path"),
  "file.renamed": type("a file was renamed through the runner", "path", "from", "to"),
  "file.removed": type("a file or directory was removed through the runner", "path"),
  "file.mode_changed": type("a file was given another mode through the runner", "path"),
  "file.linked": type("a link was made through the runner", "path"),
  "file.uploaded": type("a directory was filled through the runner", "path", "bytes", "files"),
  "file.unpacked": type("an archive was unpacked through the runner", "path", "bytes", "files"),
  "files.sftp_missing": type("a host has no SFTP: its shell moves the files", "code"),
  "transfer.skipped": type("a transfer left something out", "path", "reason"),
  "forward.opened": type("a port of this machine leads to one of a place", "forward", "remotePort"),
  "forward.closed": type("a forwarded port was closed", "forward", "remotePort"),
  "forward.ended": type("a port is no longer forwarded", "forward", "remotePort", "code"),
  "port.connected": type("a port of a place was connected to through the runner", "port", "host"),
  "port.listening": type("a port of a place leads to a client of the runner", "port"),
  "preview.created": type("a port of a workspace has an address of its own", "port", "url"),
  "preview.deleted": type("a port of a workspace has no address of its own any more", "port"),

  "runner.started": type("a runner listens", "version", "instanceId", "replaced"),
  "runner.stopped": type("a runner ends", "instanceId"),
  "token.created": type("a token was made", "token_id", "name", "scope", "workspaces", "expires_at"),
  "token.revoked": type("a token was revoked", "token_id", "name", "scope", "workspaces", "expires_at"),
  "session.created": type("a browser was signed in", "session_id", "token_id", "address", "user_agent"),
  "session.ended": type("a browser was signed out, by itself or by somebody else", "session_id", "token_id"),
  "access.refused": type("a call was refused before it did anything", "reason", "method", "address", "count"),
  "request.failed": type("a call that was to change something has failed", "operation", "code", "status"),

  "log.gap": type(
    "so many events are missing here: they could not be written for too long",
    "count",
    "since",
    "until",
  ),
  "log.pruned": type(
    "the oldest records were removed by rule; the last of them had this number and hash",
    "count",
    "through",
    "hash",
    "older_than",
  ),
} as const satisfies Readonly<Record<string, EventType>>;
