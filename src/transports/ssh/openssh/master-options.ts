import {
  configFileOptions,
  destinationOptions,
  hostKeyOptions,
  type OpenSshClient,
} from "../openssh-client.ts";
import type { SshTarget } from "../target.ts";

/**
 * Seconds that a master waits for the next process after the last one has gone. A person's next `berth exec` from the
 * shell comes within it and needs no login; it is as long as the pool keeps an unused connection, and short enough
 * that nobody finds yesterday's connections to a machine.
 */
export const CONTROL_PERSIST_SECONDS = 60;

/**
 * Two unanswered questions after 5 s of silence each: a link that is gone without a reset is noticed within 15 s, by
 * the master, which then ends itself.
 */
const SERVER_ALIVE = ["ServerAliveInterval=5", "ServerAliveCountMax=2"];

/**
 * What Berth's connections are, whatever the user's configuration says: of two values for an option the first one
 * counts, and the command line comes first.
 */
const FIXED = [
  "ControlMaster=yes",
  `ControlPersist=${CONTROL_PERSIST_SECONDS}`,
  // Nothing is asked for: who could answer is not at this program's terminal.
  "BatchMode=yes",
  "NumberOfPasswordPrompts=0",
  "PermitLocalCommand=no",
  "RemoteCommand=none",
  "RequestTTY=no",
  "ForwardX11=no",
  // The user's own LocalForward, RemoteForward and DynamicForward of that alias belong to their shell.
  "ClearAllForwardings=yes",
  "ExitOnForwardFailure=no",
  "Tunnel=no",
  "EscapeChar=none",
  "AddKeysToAgent=no",
  "TCPKeepAlive=yes",
  "StreamLocalBindUnlink=yes",
  "ConnectionAttempts=1",
  "VisualHostKey=no",
  "FingerprintHash=sha256",
  // Tells also how and to which address it connected; what it says goes to a file of its own (-E).
  "LogLevel=VERBOSE",
  ...SERVER_ALIVE,
];

/**
 * Messages that ssh keeps to itself at this level: what a server says instead of its identification (that it is too
 * busy), which key it would accept (so that one with a passphrase is known), the ciphers. LogVerbose came with 8.5.
 */
const TELLING = `LogVerbose=${[
  "kex.c:kex_exchange_identification():*",
  "kex.c:kex_choose_conf():*",
  "sshconnect2.c:input_userauth_pk_ok():*",
].join()}`;

/**
 * AES-GCM first where the user has chosen no order: the processors that Node 24 runs on have instructions for it, and
 * it moves a third more bytes than ChaCha20, which OpenSSH prefers for those that have none.
 */
function cipherOrder({ ciphers }: SshTarget): string[] {
  const isDefault = DEFAULT_CIPHERS.some((order) => order === ciphers.join());
  const fast = ciphers.filter((cipher) => cipher.includes("-gcm@"));
  const rest = ciphers.filter((cipher) => !fast.includes(cipher));
  return isDefault ? [`Ciphers=${[...fast, ...rest].join()}`] : [];
}

/** Of OpenSSH 7.4 to 9.9, and since 10.0. */
const DEFAULT_CIPHERS = [
  "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com",
  "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr",
];

export interface MasterPaths {
  /** The directory of the sockets. */
  readonly directory: string;
  readonly socket: string;
  /** Where ssh's own words go, apart from those of a ProxyCommand, which stay on stderr. */
  readonly log: string;
  /** Where ssh puts the key of a host that it lets in as new. */
  readonly newKeys: string;
}

/**
 * Arguments of the `ssh` that logs in, then goes to the background as master. No secret and no variable stands in
 * them.
 * @param home where ~/.ssh of the account is
 */
export async function masterArguments(
  target: SshTarget,
  client: OpenSshClient,
  paths: MasterPaths,
  home: string,
): Promise<string[]> {
  const [major, minor] = client.release;
  const settings = [
    ...FIXED,
    ...cipherOrder(target),
    `ConnectTimeout=${Math.ceil(target.connectTimeoutMs / 1000)}`,
    ...(major > 8 || (major === 8 && minor >= 5) ? [TELLING] : []),
  ];
  return [
    ...(await configFileOptions(target, paths.directory, home)),
    ...["-f", "-N", "-n", "-x", "-T", target.forwardAgent ? "-A" : "-a"],
    ...["-S", paths.socket, "-E", paths.log],
    ...settings.flatMap((setting) => ["-o", setting]),
    ...hostKeyOptions(target, paths.newKeys),
    ...destinationOptions(target),
    "--",
    target.alias,
  ];
}
