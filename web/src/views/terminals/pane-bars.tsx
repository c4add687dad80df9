import type { ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { classes } from "../../ui/classes.ts";
import { shortBytes } from "../../ui/format.ts";
import { Icon, type IconName } from "../../ui/icon.tsx";
import type { SessionState } from "./session-state.ts";
import css from "./terminals.module.css";
import { endWords, REFUSALS } from "./words.ts";

interface PaneNoticesProps {
  readonly state: SessionState;
  readonly onSeen: () => void;
}

/** What comes and goes, over a corner of the screen: a room of another size would make the program draw itself anew. */
export function PaneNotices({ state, onSeen }: PaneNoticesProps) {
  const { phase, isConnected, refused, maybeLost, missingBytes } = state;
  return (
    <div className={css.notices} role="status">
      {!isConnected && phase !== "ended" && (
        <Bar tone="warn" icon="warning">
          Connection lost, trying again. What you see is how it was; what you type is not sent.
        </Bar>
      )}
      {isConnected && maybeLost && (
        <Bar tone="warn" icon="warning" actions={<Button onClick={onSeen}>All right</Button>}>
          The connection was lost while you typed: look whether the last keys have arrived.
        </Bar>
      )}
      {missingBytes > 0 && (
        <Bar tone="warn" icon="warning">
          {shortBytes(missingBytes)} of the output are gone: the place keeps only the newest part.
        </Bar>
      )}
      {refused !== undefined && (
        <Bar tone="warn" icon="keyboard">
          {REFUSALS[refused]}
        </Bar>
      )}
    </div>
  );
}

interface PaneBarsProps {
  readonly state: SessionState;
  readonly mayWrite: boolean;
  readonly onTakeOver: () => void;
  readonly onAgain: () => void;
  readonly onClose: () => void;
}

/** What lasts, and what can be done about it. */
export function PaneBars({ state, mayWrite, onTakeOver, onAgain, onClose }: PaneBarsProps) {
  const { phase, role, exit } = state;
  return (
    <div role="status">
      {phase === "live" && role === "viewer" && (
        <Bar tone="accent" icon="info" actions={mayWrite && <Button onClick={onTakeOver}>Take over</Button>}>
          {mayWrite ? "Somebody else types here." : "You look on: this session may not type."}
        </Bar>
      )}
      {phase === "ended" && exit !== undefined && (
        <Bar
          tone="soft"
          icon={exit.exit_code === 0 ? "check" : "stop"}
          actions={
            <>
              {mayWrite && <Button onClick={onAgain}>Start again</Button>}
              <Button kind="quiet" onClick={onClose}>
                Close
              </Button>
            </>
          }
        >
          {capital(endWords(exit))}
        </Bar>
      )}
    </div>
  );
}

interface BarProps {
  readonly tone: "warn" | "accent" | "soft";
  readonly icon: IconName;
  readonly children: ReactNode;
  readonly actions?: ReactNode;
}

function Bar({ tone, icon, children, actions }: BarProps) {
  return (
    <div className={classes(css.note, css[tone])}>
      <Icon name={icon} size={14} />
      <span className={css.words}>{children}</span>
      {actions}
    </div>
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
