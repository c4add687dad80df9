import { useState } from "react";
import type { components } from "../../../../src/client/index.ts";
import { useClient, useMay } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { Link } from "../../ui/link.tsx";
import { ErrorNote, Note } from "../../ui/notes.tsx";
import { say } from "../../ui/toasts.tsx";
import { type HostKeyFinding, keyFileOf } from "./check-model.ts";
import css from "./host-key.module.css";

/** The runtime by which the host is reached. */
export interface HostKeyPlace {
  readonly runtime: string | components["schemas"]["RuntimeConfig"];
  readonly project?: string;
}

interface HostKeyProps {
  readonly finding: HostKeyFinding;
  readonly hint: string | undefined;
  readonly place: HostKeyPlace | undefined;
  readonly onTrusted: () => void;
}

/** A host that nobody knows yet is trusted here, once its key was compared; one whose key has changed is not. */
export function HostKey({ finding, hint, place, onTrusted }: HostKeyProps) {
  const client = useClient();
  const mayTrust = useMay("admin");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { kind, host, fingerprint, keyType } = finding;
  if (kind !== "unknown") {
    return (
      <Note kind="bad" title={`The key of ${host} is not the one that is known`}>
        <p>Nothing was sent to it, and it can't be trusted from here.</p>
        <KeyFacts finding={finding} caption="It shows now" />
        {hint !== undefined && <p>{hint}</p>}
        <p className={css.code}>
          <Link to={`/errors/ssh.host_key_${kind}`}>ssh.host_key_{kind}</Link>
        </p>
      </Note>
    );
  }
  const trust = async () => {
    if (place === undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      const key = await client.post("/v1/ssh/host-keys", { body: { ...place, host, fingerprint } });
      say(`The key of ${key.host} is known from now on`);
      onTrusted();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Note kind="warn" title={`Is this the key of ${host}?`}>
      <p>
        Nobody has said so yet. Compare it with what the host itself tells, where you trust the way to it:
      </p>
      <KeyFacts finding={finding} caption="It shows" />
      <p>
        On the host: <code>ssh-keygen -lf {keyFileOf(keyType)}</code>
      </p>
      {error !== undefined && <ErrorNote error={error} />}
      {mayTrust && place !== undefined ? (
        <div>
          <Button kind="primary" icon="key" busy={busy} onClick={() => void trust()}>
            This is the host's key: trust it
          </Button>
        </div>
      ) : (
        <p>
          Who has a token with the scope admin can trust it, or on the runner's machine:{" "}
          <code>berth ssh trust {host}</code>
        </p>
      )}
      <p className={css.code}>
        <Link to="/errors/ssh.host_key_unknown">ssh.host_key_unknown</Link>
      </p>
    </Note>
  );
}

function KeyFacts({
  finding: { fingerprint, keyType, host },
  caption,
}: {
  readonly finding: HostKeyFinding;
  readonly caption: string;
}) {
  return (
    <dl className={css.facts}>
      <dt>Host</dt>
      <dd>{host}</dd>
      <dt>Type</dt>
      <dd>{keyType}</dd>
      <dt>{caption}</dt>
      <dd className={css.print}>{fingerprint}</dd>
    </dl>
  );
}
