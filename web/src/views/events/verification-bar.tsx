import { useState } from "react";
import { useClient, useMay } from "../../state/context.ts";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { Icon } from "../../ui/icon.tsx";
import { ErrorNote } from "../../ui/notes.tsx";
import { saveBlob } from "../../ui/save.ts";
import { sayError } from "../../ui/toasts.tsx";
import css from "./events.module.css";
import type { VerificationState } from "./use-verification.ts";
import { verifiedSentence } from "./verification.ts";

interface VerificationBarProps extends VerificationState {
  /** Number of the newest event that is shown. */
  readonly newest: number | undefined;
}

/** Up to where the chain of records is known to be as it was written. */
export function VerificationBar({
  head,
  verified,
  isVerifying,
  error,
  verify,
  newest = 0,
}: VerificationBarProps) {
  const mayAll = useMay("admin");
  const last = Math.max(head?.sequence ?? 0, newest);
  const newer = verified === undefined ? 0 : last - verified.found.head.sequence;
  return (
    <div className={css.chain}>
      <div className={css.said} role="status">
        {verified === undefined ? (
          <span className={css.soft}>
            <Icon name="shield" /> Not verified in this visit
          </span>
        ) : (
          <strong className={verified.found.ok ? css.good : css.bad}>
            <Icon name={verified.found.ok ? "shield" : "warning"} /> {verifiedSentence(verified)}
          </strong>
        )}
        {verified?.found.ok === true && newer > 0 && (
          <span className={css.soft}>
            {newer.toLocaleString("en")} newer {newer === 1 ? "record is" : "records are"} not verified yet
          </span>
        )}
      </div>
      {head !== undefined && (
        <span className={classes(css.soft, css.hash)} title={`Hash of record ${head.sequence}: ${head.hash}`}>
          record {head.sequence.toLocaleString("en")} · <code>{head.hash.slice(0, 12)}…</code>
        </span>
      )}
      {mayAll && (
        <span className={css.ways}>
          <Button icon="shield" busy={isVerifying} onClick={verify}>
            Verify
          </Button>
          <ExportButton />
        </span>
      )}
      {error !== undefined && <ErrorNote error={error} />}
    </div>
  );
}

/** The records as they are stored, to be verified elsewhere. */
function ExportButton() {
  const client = useClient();
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      const init = { params: { query: { after: 0 } }, parseAs: "blob" as const };
      const day = new Date().toISOString().slice(0, 10);
      saveBlob(await client.get("/v1/events/export", init), `berth-events-${day}.txt`);
    } catch (error) {
      sayError(error);
    }
    setBusy(false);
  };
  return (
    <Button icon="download" busy={isBusy} onClick={() => void run()}>
      Export
    </Button>
  );
}
