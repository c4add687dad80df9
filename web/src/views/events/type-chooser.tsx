import { EVENT_TYPES } from "../../../../src/contract/event-types.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import css from "./events.module.css";

/** Types by what stands before their dot. */
const GROUPS = Map.groupBy(Object.keys(EVENT_TYPES) as (keyof typeof EVENT_TYPES)[], (type) =>
  type.slice(0, type.indexOf(".")),
);

interface TypeChooserProps {
  readonly chosen: readonly string[];
  readonly onChosen: (types: readonly string[]) => void;
  readonly onClose: () => void;
}

/** Types of events: a whole group by its name, or single ones. */
export function TypeChooser({ chosen, onChosen, onClose }: TypeChooserProps) {
  const toggle = (type: string) => {
    const group = `${type}.`;
    // A group has all of its types: those are no longer chosen by themselves.
    const others = chosen.filter((one) => one !== type && !one.startsWith(group));
    onChosen(chosen.includes(type) ? others : [...others, type]);
  };
  return (
    <Dialog
      title="Types of events"
      wide
      onClose={onClose}
      actions={
        <>
          <Button onClick={() => onChosen([])}>All types</Button>
          <Button kind="primary" onClick={onClose}>
            Done
          </Button>
        </>
      }
    >
      <div className={css.groups}>
        {[...GROUPS].map(([group, types]) => (
          <fieldset key={group} className={css.group}>
            <legend>
              <label>
                <input type="checkbox" checked={chosen.includes(group)} onChange={() => toggle(group)} />{" "}
                {group}
              </label>
            </legend>
            {types.map((type) => (
              <label key={type} className={css.choice}>
                <input
                  type="checkbox"
                  checked={chosen.includes(group) || chosen.includes(type)}
                  disabled={chosen.includes(group)}
                  onChange={() => toggle(type)}
                />
                <span>
                  <code>{type}</code>
                  <span className={css.meaning}>{EVENT_TYPES[type].meaning}</span>
                </span>
              </label>
            ))}
          </fieldset>
        ))}
      </div>
    </Dialog>
  );
}
