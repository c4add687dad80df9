import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../../contract/error-registry.ts";
import { authentication, classify, lossReason } from "./classify.ts";

interface Recorded {
  readonly words: string;
  readonly code: ErrorCode;
  readonly reason?: string;
  readonly context?: Record<string, string>;
}

const CHANGED = [
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
  "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
  "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!",
  "The fingerprint for the ED25519 key sent by the remote host is",
  "SHA256:FVMI5oQ0yfYgUnQZ3fYZyF6c7zRZ3aAqWQHeOzQyAhE.",
  "Offending ED25519 key in /home/dev/.ssh/known_hosts:3",
  "Host key for [127.0.0.1]:2222 has changed and you have requested strict checking.",
  "Host key verification failed.",
];
const REVOKED = [
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
  "@       WARNING: REVOKED HOST KEY DETECTED!               @",
  "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
  "The ED25519 host key for box is marked as revoked.",
  "This could mean that a stolen key is being used to impersonate this host.",
  "ED25519 host key for box was revoked and you have requested strict checking.",
  "Host key verification failed.",
];
const KEX = "kex.c:kex_exchange_identification():1345 (pid=17)";

const RECORDED: Readonly<Record<string, Recorded>> = {
  "an option that this ssh does not know": {
    words:
      "/home/dev/.ssh/config: line 3: Bad configuration option: usekeychain\r\n/home/dev/.ssh/config: terminating, 1 bad configuration options",
    code: "ssh.config_invalid",
    reason: "/home/dev/.ssh/config: line 3: Bad configuration option: usekeychain",
  },
  "a value that an option does not take": {
    words: "/home/dev/.ssh/config line 4: Bad number '22x'.",
    code: "ssh.config_invalid",
  },
  "a configuration that others can write": {
    words: "Bad owner or permissions on /home/dev/.ssh/config",
    code: "ssh.config_invalid",
  },
  "an unknown host": {
    words:
      "No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.\r\nHost key verification failed.",
    code: "ssh.host_key_unknown",
  },
  "a changed host key": { words: CHANGED.join("\r\n"), code: "ssh.host_key_changed" },
  "a revoked host key": { words: REVOKED.join("\r\n"), code: "ssh.host_key_revoked" },
  "a key of RevokedHostKeys": {
    words:
      "Host key ED25519 SHA256:FVMI5oQ0yfYgUnQZ3fYZyF6c7zRZ3aAqWQHeOzQyAhE revoked by file /etc/ssh/revoked\r\nHost key verification failed.",
    code: "ssh.host_key_revoked",
  },
  "a name that nobody knows": {
    words: "ssh: Could not resolve hostname nobody.invalid: Name or service not known",
    code: "ssh.name_not_found",
    reason: "Could not resolve hostname nobody.invalid: Name or service not known",
    context: { hostname: "nobody.invalid" },
  },
  "the same on macOS": {
    words: "ssh: Could not resolve hostname nobody.invalid: nodename nor servname provided, or not known",
    code: "ssh.name_not_found",
  },
  "a port on which nothing listens": {
    words: "ssh: connect to host 127.0.0.1 port 1: Connection refused",
    code: "ssh.connection_refused",
  },
  "the same after two addresses (VERBOSE)": {
    words:
      "connect to address ::1 port 1: Connection refused\r\nssh: connect to host localhost port 1: Connection refused",
    code: "ssh.connection_refused",
  },
  "no way to the host": {
    words: "ssh: connect to host 10.1.2.3 port 22: No route to host",
    code: "ssh.unreachable",
    reason: "connect to host 10.1.2.3 port 22: No route to host",
  },
  "no network": {
    words: "ssh: connect to host 10.1.2.3 port 22: Network is unreachable",
    code: "ssh.unreachable",
  },
  "a host that is down, on BSD": {
    words: "ssh: connect to host 10.1.2.3 port 22: Host is down",
    code: "ssh.unreachable",
  },
  "a packet filter of this machine": {
    words: "ssh: connect to host 10.1.2.3 port 22: Permission denied",
    code: "ssh.unreachable",
  },
  "packets that are dropped": {
    words: "ssh: connect to host 10.1.2.3 port 22: Connection timed out",
    code: "ssh.connect_timeout",
  },
  "the same on macOS and BSD": {
    words: "ssh: connect to host 10.1.2.3 port 22: Operation timed out",
    code: "ssh.connect_timeout",
  },
  "a server that says nothing": {
    words: "Connection timed out during banner exchange\r\nConnection to 127.0.0.1 port 2222 timed out",
    code: "ssh.connect_timeout",
  },
  "a server that falls silent during the login": {
    words: "Timeout, server 127.0.0.1 not responding.",
    code: "ssh.connect_timeout",
  },
  MaxStartups: {
    words: `debug1: ${KEX}: banner line 0: Exceeded MaxStartups\r\nkex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 2222`,
    code: "ssh.server_busy",
    reason: "kex_exchange_identification: banner line 0: Exceeded MaxStartups",
  },
  "PerSourcePenalties of OpenSSH 9.8": {
    words:
      "debug1: banner line 0: Not allowed at this time\r\nkex_exchange_identification: Connection closed by remote host",
    code: "ssh.server_busy",
  },
  "too many keys": {
    words:
      "Received disconnect from 127.0.0.1 port 2222:2: Too many authentication failures\r\nDisconnected from 127.0.0.1 port 2222",
    code: "ssh.too_many_keys",
  },
  "no key that is accepted": {
    words: "dev@127.0.0.1: Permission denied (publickey,password,keyboard-interactive).",
    code: "ssh.auth_failed",
    context: { methods: "publickey,password,keyboard-interactive" },
  },
  "the same by OpenSSH 7.4": {
    words: "Permission denied (publickey,gssapi-keyex,gssapi-with-mic).",
    code: "ssh.auth_failed",
    context: { methods: "publickey,gssapi-keyex,gssapi-with-mic" },
  },
  "nothing in common": {
    words:
      "Unable to negotiate with 127.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss",
    code: "ssh.handshake_failed",
    reason:
      "Unable to negotiate with 127.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa,ssh-dss",
  },
  "a server that closes at once": {
    words:
      "kex_exchange_identification: Connection closed by remote host\r\nConnection closed by 127.0.0.1 port 2222",
    code: "ssh.handshake_failed",
  },
  "the same by OpenSSH 7.4 (ssh_exchange_identification)": {
    words: "ssh_exchange_identification: Connection closed by remote host",
    code: "ssh.handshake_failed",
  },
  "a server that resets": {
    words:
      "kex_exchange_identification: read: Connection reset by peer\r\nConnection reset by 127.0.0.1 port 2222",
    code: "ssh.handshake_failed",
  },
  "a server that closes in the middle": {
    words: "Connection closed by 127.0.0.1 port 2222",
    code: "ssh.handshake_failed",
  },
  "a server of another kind": {
    words:
      "kex_exchange_identification: banner line contains invalid characters\r\nbanner exchange: Connection to 127.0.0.1 port 80: invalid format",
    code: "ssh.handshake_failed",
  },
  "bytes that were changed on the way": {
    words:
      "Corrupted MAC on input.\r\nssh_dispatch_run_fatal: Connection to 127.0.0.1 port 2222: message authentication code incorrect",
    code: "ssh.handshake_failed",
  },
  "a banner of the server does not decide": {
    words: "Unauthorised use: Connection refused by policy\r\ndev@box: Permission denied (publickey).",
    code: "ssh.auth_failed",
  },
};

for (const [title, { words, code, reason, context }] of Object.entries(RECORDED)) {
  test(`${title} is ${code}`, () => {
    const verdict = classify(words);
    assert.equal(verdict?.code, code);
    if (reason !== undefined) assert.equal(verdict?.reason, reason);
    if (context !== undefined) assert.deepEqual(verdict?.context, context);
    assert.doesNotMatch(verdict?.reason ?? "", /[\r\n]/);
  });
}

test("what says nothing of a failure has no verdict", () => {
  assert.equal(classify(""), undefined);
  assert.equal(classify('Authenticated to box ([10.0.0.1]:22) using "publickey".'), undefined);
});

test("how a master was authenticated, and why it ended", () => {
  const words = 'Authenticated to box ([10.0.0.1]:22) using "publickey".\r\n';
  assert.equal(authentication(words), "authenticated by publickey");
  const cipher =
    "debug1: kex.c:kex_choose_conf():1040 (pid=1): kex: server->client cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none";
  assert.equal(authentication(`${cipher}\r\n${words}`), "authenticated by publickey, aes128-gcm");
  assert.equal(authentication(""), "");
  assert.equal(lossReason(words), undefined);
  assert.equal(
    lossReason(`${words}Timeout, server 10.0.0.1 not responding.\r\n`),
    "Timeout, server 10.0.0.1 not responding.",
  );
});
