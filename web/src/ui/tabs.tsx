import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { Icon, type IconName } from "./icon.tsx";
import css from "./tabs.module.css";

export interface Tab<Id extends string> {
  readonly id: Id;
  readonly label: string;
  readonly icon?: IconName;
  /** A small figure behind the label. */
  readonly count?: number | undefined;
  /** Said behind the label to who can't see the icon. */
  readonly note?: string | undefined;
}

interface TabsProps<Id extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Id>[];
  readonly selected: Id;
  readonly onSelect: (id: Id) => void;
  /** Names the panel: `${panel}` is the id of the element that shows what is selected. */
  readonly panel: string;
  readonly children?: ReactNode;
}

/** One of them is in the order of focus; arrows go to the others. */
export function Tabs<Id extends string>({ label, tabs, selected, onSelect, panel, children }: TabsProps<Id>) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tab = list.current?.querySelector(`[data-tab="${CSS.escape(selected)}"]`);
    tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [selected]);
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const at = tabs.findIndex(({ id }) => id === selected);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    const next = to === undefined ? undefined : tabs.at(to % tabs.length);
    if (next === undefined) return;
    event.preventDefault();
    onSelect(next.id);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${CSS.escape(next.id)}"]`)?.focus();
  };
  return (
    <div className={css.bar}>
      <div ref={list} role="tablist" aria-label={label} className={css.tabs} onKeyDown={onKeyDown}>
        {tabs.map(({ id, label, icon, count, note }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`${panel}-tab-${id}`}
            data-tab={id}
            aria-selected={id === selected}
            aria-controls={panel}
            tabIndex={id === selected ? 0 : -1}
            className={css.tab}
            onClick={() => onSelect(id)}
          >
            {icon !== undefined && <Icon name={icon} />}
            {label}
            {count !== undefined && count > 0 && <span className={css.count}>{count}</span>}
            {note !== undefined && <span className="unseen">, {note}</span>}
          </button>
        ))}
      </div>
      {children}
    </div>
  );
}
