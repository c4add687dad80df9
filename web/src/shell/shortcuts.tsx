import { useObservable } from "../state/observable.ts";
import { Dialog } from "../ui/dialog.tsx";
import { commands, keysForPeople } from "./commands.ts";
import css from "./shortcuts.module.css";

/** The keys that mean something now. */
export function Shortcuts({ onClose }: { readonly onClose: () => void }) {
  const withKeys = useObservable(commands).filter(({ keys }) => keys !== undefined);
  const groups = Map.groupBy(withKeys, ({ group = "General" }) => group);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      {[...groups].map(([group, list]) => (
        <section key={group} aria-label={group}>
          <h3>{group}</h3>
          <dl className={css.list}>
            {list.map(({ id, title, keys = "" }) => (
              <div key={id} className={css.row}>
                <dt>{title}</dt>
                <dd>
                  {keysForPeople(keys)
                    .split(" ")
                    .map((key) => (
                      <kbd key={key} className={css.key}>
                        {key}
                      </kbd>
                    ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
