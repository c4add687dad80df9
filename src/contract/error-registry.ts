import { type ErrorEntry, entry } from "./error-entry.ts";
import { RUNNER_ERRORS } from "./error-registry-runner.ts";
import { SSH_ERRORS } from "./error-registry-ssh.ts";
import { TOOL_ERRORS } from "./error-registry-tools.ts";
import { WORKSPACE_ERRORS } from "./error-registry-workspace.ts";

/**
 * Every error code of Berth, shared by library, command, daemon and runner. `docs/errors.md` is generated
 * from it. `{name}` is filled from the error's context.
 */
export const ERROR_REGISTRY = {
  internal: entry(
    500,
    "unexpected failure inside Berth",
    "This is a defect: please report it with the steps that led here.",
  ),
  "operation.aborted": entry(
    499,
    "the operation was aborted",
    "It was ended by the caller's signal; call it again if that was not meant.",
  ),
  "operation.timeout": entry(
    504,
    "the operation took longer than allowed",
    "Raise the timeout, or see what the place is busy with by `berth check`.",
    true,
  ),

  "config.invalid": entry(
    400,
    "the configuration is not valid",
    "See docs/runtimes.md for every field with an example.",
  ),
  "config.unknown_runtime": entry(
    404,
    "no runtime is called {name}",
    "`berth runtimes` lists the names; a URI such as docker://web works without a name.",
  ),
  "config.file_invalid": entry(
    400,
    "{path} is not valid",
    "Correct the line that is named; docs/cli.md has an example of berth.yaml.",
  ),

  "runtime.uri_invalid": entry(
    400,
    "{uri} is not a runtime",
    "Use local:, docker://CONTAINER[/workdir], docker-image:NAME[:TAG|@DIGEST], ssh://[USER@]HOST[:PORT][/workdir] or a name from berth.yaml.",
  ),
  "runtime.type_unsupported": entry(
    501,
    "runtimes of type {type} are not part of this version",
    "`berth runtimes` lists the types that this version has.",
  ),
  "runtime.capability_unsupported": entry(
    501,
    "{capability} is not available in this runtime",
    "`berth check -r RUNTIME` says which capabilities a runtime has and why one is missing; most need the daemon.",
  ),
  "runtime.platform_unsupported": entry(
    501,
    "the platform {platform} is not supported",
    "Berth runs in Linux x64 and arm64 places; on Windows use WSL.",
  ),
  "runtime.closed": entry(409, "the runtime is closed", "Open it again with openRuntime()."),

  "payload.not_built": entry(
    500,
    "no payload is built for {platform}",
    "Run `npm run build` in the checkout of Berth, or install a release of it.",
  ),
  "provision.probe_failed": entry(
    502,
    "the place did not answer the first probe",
    "Make sure that /bin/sh runs there; `berth check` shows the step that failed.",
  ),
  "provision.no_directory": entry(
    507,
    "the place has no writable directory from which programs may run",
    "Give one by `stateDir`, or use the runtime with daemon: never.",
  ),
  "provision.no_space": entry(
    507,
    "the place has not enough space for the daemon",
    "Free some space there, or give another directory by `stateDir`.",
  ),
  "provision.checksum_mismatch": entry(
    502,
    "what arrived in the place is not what was sent",
    "Try again; if it happens twice, the disk or the way to the place is faulty.",
    true,
  ),
  "provision.start_failed": entry(
    502,
    "the daemon did not start in the place",
    "The last lines of its output are in the error; `berth check` repeats the steps one by one.",
  ),
  "provision.locked": entry(
    409,
    "another Berth is installing the daemon there",
    "Wait for it to finish and try again.",
    true,
  ),

  "transport.disconnected": entry(
    503,
    "the connection to the place was lost",
    "Work there goes on; call again to reconnect.",
    true,
  ),
  "transport.unavailable": entry(
    503,
    "the place cannot be reached",
    "`berth check` shows which step fails.",
    true,
  ),

  "wire.protocol_error": entry(
    502,
    "the peer broke the protocol",
    "Make sure that both sides are of the same version; `berth doctor` shows them.",
  ),
  "wire.version_mismatch": entry(
    502,
    "client and daemon speak different protocols",
    "Upgrade the older of the two.",
  ),
  "wire.unauthorized": entry(
    401,
    "the daemon refused the token",
    "The daemon belongs to somebody else or its state was removed; `berth gc` cleans up.",
  ),
  "wire.method_unknown": entry(
    501,
    "the daemon does not know the method {method}",
    "The daemon is older than this client; end its processes and call again to start a new one.",
  ),
  "wire.feature_unknown": entry(
    501,
    "the daemon is older than this client and does not know {feature}",
    "A daemon ends by itself ten minutes after its last process and client; `berth ps` shows what still runs there. The next command then starts a new one.",
  ),
  "wire.request_invalid": entry(
    400,
    "the request does not fit its schema",
    "This is a defect of the client, or of a caller without types.",
  ),
  "wire.message_too_large": entry(
    413,
    "a message of {bytes} bytes does not fit a frame",
    "Ask for less at once: fewer paths, a smaller environment.",
  ),
  "wire.limit": entry(429, "too many open requests on one connection", "Wait for some of them to finish."),

  "process.unknown": entry(404, "there is no process {id}", "`berth ps` lists the processes of a runtime."),
  "process.reaped": entry(
    410,
    "the process {id} was removed",
    "Finished processes stay readable for ten minutes, or until they are removed or their space is needed.",
  ),
  "process.not_found": entry(
    422,
    "command not found: {command}",
    "Install it there, give its full path, or set PATH by --env.",
  ),
  "process.permission_denied": entry(
    422,
    "not executable: {command}",
    "Check its permissions (chmod +x) and that its file system is not mounted noexec.",
  ),
  "process.cwd_not_found": entry(
    422,
    "the working directory {cwd} does not exist there",
    "Create it, or give another by --cwd.",
  ),
  "process.cwd_not_accessible": entry(
    422,
    "the working directory {cwd} cannot be entered",
    "It has to be a directory that the user of the command may enter.",
  ),
  "process.interpreter_not_found": entry(
    422,
    "the interpreter named in the first line of {command} does not exist there",
    "Install it, or correct the first line; a file with CRLF line ends shows this error as well.",
  ),
  "process.arguments_too_long": entry(
    413,
    "arguments and environment are longer than the kernel of the place allows",
    "Pass the data by a file or by stdin.",
  ),
  "process.env_invalid": entry(
    400,
    "{name} is not a valid environment variable",
    "A name is letters, digits and _, not starting with a digit; a value has no NUL.",
  ),
  "process.argument_invalid": entry(
    400,
    "an argument of the command is not valid",
    "A command has at least one word, and no word has a NUL character.",
  ),
  "process.user_not_found": entry(
    422,
    "there is no user {user} in the place",
    "Use a name from its /etc/passwd, or a uid[:gid].",
  ),
  "process.user_not_permitted": entry(
    403,
    "the daemon may not run commands as {user}",
    "Only a daemon that runs as root can; open the runtime with that user instead.",
  ),
  "process.spawn_failed": entry(
    502,
    "the command could not be started: {reason}",
    "The place may be out of processes, memory or descriptors.",
  ),
  "process.signal_unsupported": entry(
    400,
    "the signal {signal} is not supported",
    "Use one of HUP INT QUIT ABRT USR1 USR2 TERM KILL STOP CONT WINCH.",
  ),
  "process.finished": entry(409, "the process {id} has finished", "Its output and exit can still be read."),
  "process.reaping": entry(
    409,
    "the process {id} is being ended",
    "Its owner was away for longer than its lease; attach to it to keep it.",
  ),
  "process.running": entry(409, "the process {id} is running", "End it first: `berth kill`."),
  "process.lost": entry(
    410,
    "the process {id} was lost: the daemon of the place was restarted",
    "Its output until then can still be read by `berth logs`; start it again if it is needed.",
  ),
  "process.name_conflict": entry(
    409,
    "another command runs under the name {name}",
    "End it first, or choose another name.",
  ),
  "process.name_invalid": entry(
    400,
    "{name} is not a name for a process",
    "Use 1 to 64 letters, digits, dot, dash and underscore, starting with a letter or digit.",
  ),
  "process.not_a_tty": entry(409, "the process {id} has no terminal", "Start it with --tty."),
  "process.stdin_closed": entry(
    409,
    "the input of {id} is closed",
    'It was not asked for (stdin: "pipe"), or its end was sent already.',
  ),
  "process.output_taken": entry(
    409,
    "the output of this command is being read already",
    "An exec handle is awaited or iterated, once; runtime.process(id).output() reads it again.",
  ),
  "process.ready_timeout": entry(
    504,
    "the process {id} was not ready in time",
    "Raise timeoutMs, and see its output by `berth logs`.",
  ),
  "process.ended_before_ready": entry(
    502,
    "the process {id} ended before it was ready",
    "See its output by `berth logs`.",
  ),
  "process.log_directory_unusable": entry(
    409,
    "the output of processes can't be kept in {path}: {reason}",
    "Give a directory by `processLogDir` that belongs to {user} and that nobody else may write to.",
  ),
  "process.limit": entry(
    429,
    "the daemon has as many processes as it may",
    "End some, or remove finished ones.",
  ),

  ENOENT: entry(
    404,
    "no such file or directory: {path}",
    "Check the path; relative ones start at the runtime's workdir.",
  ),
  EACCES: entry(
    403,
    "permission denied: {path}",
    "The user of the daemon may not do that; see `berth check` for who it is.",
  ),
  EPERM: entry(403, "operation not permitted: {path}", "The user of the daemon may not do that."),
  EISDIR: entry(409, "is a directory: {path}", "Name a file."),
  ENOTDIR: entry(409, "not a directory: {path}", "A component of the path is a file."),
  ENOTEMPTY: entry(409, "directory not empty: {path}", "Use recursive: true to remove what is in it."),
  EEXIST: entry(409, "exists already: {path}", "Remove it first or choose another path."),
  ENOSPC: entry(507, "no space left: {path}", "Free some space there. The old content is whole."),
  EDQUOT: entry(507, "disk quota exceeded: {path}", "Free some space there. The old content is whole."),
  EROFS: entry(403, "read-only file system: {path}", "Choose a path on a writable file system."),
  ELOOP: entry(409, "too many symbolic links: {path}", "The links point at each other."),
  ENAMETOOLONG: entry(400, "name too long: {path}", "A name has at most 255 bytes, a path 4096."),
  EINVAL: entry(400, "invalid argument: {path}", "Check the path and the options."),
  EBUSY: entry(409, "in use: {path}", "It is a mount point or held by the system.", true),
  EXDEV: entry(409, "across file systems: {path}", "Copy and remove instead."),
  EMFILE: entry(503, "too many open files: {path}", "Close some, or raise the limit of the daemon.", true),
  ENFILE: entry(503, "too many open files in the system: {path}", "Close some.", true),
  EIO: entry(502, "input/output error: {path}", "The disk or the mount is faulty."),
  EFBIG: entry(413, "file too large: {path}", "The file system or a limit does not allow that size."),
  ENXIO: entry(
    409,
    "no such device or address: {path}",
    "It is a device, a socket or a FIFO without a peer.",
  ),
  ETXTBSY: entry(409, "the program is running: {path}", "End it first.", true),
  ENODEV: entry(409, "no such device: {path}", "Choose another path."),
  EBADF: entry(500, "bad file descriptor: {path}", "This is a defect of Berth."),
  ENOTSUP: entry(501, "not supported by the file system: {path}", "Choose another path."),
  ESTALE: entry(503, "stale file handle: {path}", "The network mount was changed; try again.", true),
  "fs.outside_workspace": entry(
    403,
    "the path leaves the workspace: {path}",
    "Use a path inside, or allow its directory as an extra root.",
  ),
  "fs.not_a_regular_file": entry(
    409,
    "not a regular file: {path}",
    "FIFOs, devices and sockets are read only when asked for.",
  ),
  "fs.timeout": entry(
    504,
    "the file system did not answer in time: {path}",
    "A network mount may hang; `berth check` may tell more.",
    true,
  ),
  "fs.archive_invalid": entry(400, "the archive is damaged or not a tar archive", "Make it again."),
  "fs.archive_entry_outside": entry(
    400,
    "an entry of the archive would land outside of the destination: {path}",
    "Nothing outside was written; do not trust the archive's maker.",
  ),
  "fs.too_large": entry(
    413,
    "the file is larger than can be returned at once: {path}",
    "Use createReadStream, or start and end.",
  ),
  "fs.encoding_invalid": entry(400, "not valid UTF-8: {path}", "Read it as bytes."),

  "port.refused": entry(
    502,
    "nothing listens on port {port} there",
    "Start the server, or check its port; 127.0.0.1 and ::1 were tried.",
    true,
  ),
  "port.in_use": entry(409, "the port {port} is in use", "Choose another, or 0 for any free one."),
  "port.invalid": entry(400, "{port} is not a port", "A port is a number from 1 to 65535."),

  "docker.engine_unavailable": entry(
    503,
    "no Docker engine answers at {endpoint}",
    "Start it (`systemctl start docker`, Docker Desktop, `podman system service`), or set DOCKER_HOST or a context.",
    true,
  ),
  "docker.engine_timeout": entry(
    504,
    "the Docker engine did not answer in time",
    "It may be overloaded or hanging; `docker info` shows.",
    true,
  ),
  "docker.permission_denied": entry(
    403,
    "no permission to use the Docker engine at {endpoint}",
    "Add the user to the docker group and log in again, or use a rootless engine.",
  ),
  "docker.context_not_found": entry(
    404,
    "there is no Docker context {name}",
    "`docker context ls` lists them.",
  ),
  "docker.container_not_found": entry(
    404,
    "there is no container {container}",
    "`docker ps -a` lists the containers.",
  ),
  "docker.container_not_running": entry(
    409,
    "the container {container} is not running",
    "Start it: docker start {container}",
    true,
  ),
  "docker.container_paused": entry(
    409,
    "the container {container} is paused",
    "Resume it: docker unpause {container}",
    true,
  ),
  "docker.image_not_found": entry(
    404,
    "there is no image {image}",
    "Check the name; with pull: never it has to be on the engine already.",
  ),
  "docker.pull_failed": entry(
    502,
    "the image {image} could not be pulled",
    "Check the registry and the network: docker pull {image}",
    true,
  ),
  "docker.registry_unauthorized": entry(
    401,
    "the registry refused to give out {image}",
    "Log in (`docker login`), and allow the credentials: registryCredentials: user.",
  ),
  "docker.create_failed": entry(
    422,
    "the container could not be created",
    "The engine's message says what it did not accept.",
  ),
  "docker.port_in_use": entry(
    409,
    "a port of the container is in use on this machine",
    "Choose another host port, or none for any free one.",
  ),
  "docker.build_failed": entry(
    502,
    "the derived image of {image} could not be built",
    "The engine's message says why; a user's container (docker://) needs no image.",
  ),
  "docker.no_shell": entry(
    422,
    "the container {container} has no /bin/sh",
    "Berth needs a POSIX shell in a container that it did not create; use an image with one.",
  ),
  "docker.api_error": entry(502, "the Docker engine refused the request", "Its message says why."),

  ...SSH_ERRORS,
  ...RUNNER_ERRORS,
  ...WORKSPACE_ERRORS,
  ...TOOL_ERRORS,

  "cli.usage": entry(400, "the command line is not valid", "`berth --help` shows the usage."),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERROR_REGISTRY;
