import { type ErrorEntry, entry } from "./error-entry.ts";

/** What can go wrong on the way to a host by SSH, each with its own remedy (docs/ssh.md). */
export const SSH_ERRORS = {
  "ssh.client_missing": entry(
    501,
    "there is no ssh on this machine",
    'Install OpenSSH\'s client, or use transport: "ssh2".',
  ),
  "ssh.config_invalid": entry(
    400,
    "ssh does not accept its configuration for {host}",
    "Try `ssh -G {host}`: its message names the line.",
  ),
  "ssh.name_not_found": entry(
    502,
    "the host name {hostname} is not known",
    "Check the name, or give the address by HostName in ~/.ssh/config.",
    true,
  ),
  "ssh.unreachable": entry(
    502,
    "{hostname} cannot be reached",
    "Check the network, the VPN and that the machine is running.",
    true,
  ),
  "ssh.connection_refused": entry(
    502,
    "nothing listens on port {port} of {hostname}",
    "Check the port, and that sshd is running there.",
    true,
  ),
  "ssh.connect_timeout": entry(
    504,
    "{host} did not answer in time",
    "Check the network and the firewall; connectTimeoutMs allows more time.",
    true,
  ),
  "ssh.handshake_failed": entry(
    502,
    "the SSH handshake with {host} failed",
    "Is it an SSH server? Its log says why it ended the connection; `ssh -v {host}` shows both sides.",
    true,
  ),
  "ssh.server_busy": entry(
    503,
    "{host} accepts no more connections for now",
    "It is tried again. The server's MaxStartups limits how many may log in at once.",
    true,
  ),
  "ssh.host_key_unknown": entry(
    403,
    "the host key of {host} is not known",
    "Compare the fingerprint with the host's own, then: berth ssh trust {host}",
  ),
  "ssh.host_key_changed": entry(
    403,
    "the host key of {host} is not the one that is known",
    "Somebody may be in between, or the host was set up anew. Ask its administrator; only then remove the old key: ssh-keygen -R {host}",
  ),
  "ssh.host_key_revoked": entry(
    403,
    "the host key of {host} is revoked",
    "It must not be used any more: ask the host's administrator for its new key.",
  ),
  "ssh.auth_failed": entry(
    403,
    "{host} accepts none of the keys",
    "Give the right one by identityFile or ssh-add, and check the user name; the server takes: {methods}",
  ),
  "ssh.password_refused": entry(
    403,
    "{host} does not accept the password",
    "Check the password and the user name.",
  ),
  "ssh.too_many_keys": entry(
    403,
    "{host} ended the login after too many keys",
    "Say which key is the right one by identityFile (IdentityFile and IdentitiesOnly yes in ~/.ssh/config).",
  ),
  "ssh.key_unusable": entry(
    400,
    "the key {path} cannot be used",
    "Check that it is a private key, that it is yours and that only you can read it (chmod 600).",
  ),
  "ssh.key_encrypted": entry(
    403,
    "the key {path} has a passphrase",
    "Load it into the agent (ssh-add {path}), run it in a terminal to be asked, or give passphrase: { env: NAME }.",
  ),
  "ssh.secret_unavailable": entry(
    400,
    "the {field} cannot be had from where the configuration says",
    "Set the variable, or make the file (only you can read it) or the command give it.",
  ),
  "ssh.proxy_failed": entry(
    502,
    "the way to {host} leads over {proxy}, which failed",
    "Try it alone: berth check -r ssh://{proxy}",
    true,
  ),
  "ssh.waiting": entry(
    503,
    "{host} is not tried again yet",
    "The error is that of the last attempt; `retryAt` says when the next one is made. maxWaitMs waits for it.",
    true,
  ),
  "ssh.sessions_refused": entry(
    503,
    "{host} opens no more sessions",
    "The server's MaxSessions is reached; commands wait for each other. With the daemon one session is enough for all.",
    true,
  ),
  "ssh.forwarding_refused": entry(
    502,
    "{host} forwards no unix sockets",
    "The way over the daemon's bridge is used instead; AllowStreamLocalForwarding in its sshd_config allows the faster one.",
  ),
  "ssh.sftp_missing": entry(
    502,
    "{host} has no SFTP subsystem",
    "Files are moved by its shell instead; Subsystem sftp internal-sftp in its sshd_config brings it back.",
  ),
  "ssh.sftp_invalid": entry(
    502,
    "what answers for SFTP on {host} is no SFTP server",
    "Start-up files of the account that print text may be the cause: `ssh {host} true` has to print nothing. Files are moved by its shell instead.",
  ),
  "ssh.login_timeout": entry(
    504,
    "the start-up files of the login shell on {host} did not come to their end within {seconds} s",
    "One of them waits for input or hangs. Let it do so for terminals only: in .bashrc, `case $- in *i*) ;; *) return ;; esac` as its first line.",
  ),
  "ssh.no_shell": entry(
    422,
    "{host} lets in and runs no commands",
    "The account needs a login shell (not nologin) and the server no ForceCommand; its words are in the error.",
  ),
} as const satisfies Record<string, ErrorEntry>;
