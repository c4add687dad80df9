import type { SshConfig } from "../../contract/config.ts";
import { berthError } from "../../contract/errors.ts";
import { fetchHostKey } from "../../transports/ssh/fetch-host-key.ts";
import { type RecordedHostKey, recordHostKey } from "../../transports/ssh/host-keys.ts";
import {
  checkHostKey,
  fingerprint,
  type HostKey,
  type HostKeyCheck,
  typeForPeople,
} from "../../transports/ssh/known-hosts.ts";
import { sharedSshPool } from "../../transports/ssh/pool.ts";
import { resolveSshTarget } from "../../transports/ssh/resolve.ts";
import type { SshTarget } from "../../transports/ssh/target.ts";

/** The key that a host shows now, and what is known of it. */
export interface ShownHostKey {
  readonly target: SshTarget;
  readonly key: HostKey;
  readonly status: HostKeyCheck["status"];
  /** As OpenSSH prints it: "SHA256:…". */
  readonly fingerprint: string;
}

/** A host's key that is recorded as known. */
export interface TrustedHostKey extends RecordedHostKey {
  readonly host: string;
  /** As in known_hosts: "ssh-ed25519". */
  readonly keyType: string;
  readonly fingerprint: string;
}

/**
 * Asks a host for its key, without trusting it.
 * @throws what connecting throws before there is a key, operation.aborted
 */
export async function showHostKey(
  config: SshConfig,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ShownHostKey> {
  const target = await resolveSshTarget(config, options);
  const key = await fetchHostKey(target, options);
  const { status } = await checkHostKey(target, key.blob);
  return { target, key, status, fingerprint: fingerprint(key.blob) };
}

/**
 * Records a shown key as known, in the known_hosts of the user as ssh would, unless it is there already. `wanted` is the
 * fingerprint that it must have.
 * @throws ssh.host_key_unknown: it has another one; ssh.host_key_changed, ssh.host_key_revoked; errors of the file.
 *   Nothing is recorded then.
 */
export async function trustHostKey(
  { target, key, fingerprint: shown }: ShownHostKey,
  wanted?: string,
): Promise<TrustedHostKey> {
  if (wanted !== undefined && wanted.replace(/=$/, "") !== shown) {
    throw berthError("ssh.host_key_unknown", {
      message: `${target.name} shows ${typeForPeople(key.type)} ${shown}, which is not the fingerprint that was given`,
      hint: "Somebody may be in between; or the fingerprint is of another one of the host's keys.",
      context: { host: target.name, fingerprint: shown, keyType: key.type },
    });
  }
  // Looks again and refuses a key that is changed or revoked.
  const recorded = await recordHostKey(target, key);
  sharedSshPool().keyTrusted();
  return { host: target.name, keyType: key.type, fingerprint: shown, ...recorded };
}
