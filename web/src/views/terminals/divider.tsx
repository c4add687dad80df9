import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import { classes } from "../../ui/classes.ts";
import type { Divider as DividerShape } from "./layout.ts";
import css from "./terminals.module.css";

const STEP = 0.02;

interface DividerProps {
  readonly divider: DividerShape;
  /** Of the tab, in which the boxes are. */
  readonly room: HTMLElement | null;
  readonly onRatio: (ratio: number) => void;
}

/** Between two panes: dragged by the pointer, moved by the arrow keys. */
export function Divider({ divider, room, onRatio }: DividerProps) {
  const dragging = useRef(false);
  const { direction, ratio, box } = divider;
  const isRow = direction === "row";
  const onPointerMove = (event: PointerEvent) => {
    if (!dragging.current || room === null) return;
    const { left, top, width, height } = room.getBoundingClientRect();
    onRatio(
      isRow
        ? ((event.clientX - left) / width - box.x) / box.width
        : ((event.clientY - top) / height - box.y) / box.height,
    );
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const [less, more] = isRow ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const to = { [less as string]: ratio - STEP, [more as string]: ratio + STEP, Enter: 0.5 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    onRatio(to);
  };
  const at = isRow ? box.x + box.width * ratio : box.y + box.height * ratio;
  const percent = (part: number) => `${part * 100}%`;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule that moves is no hr
    <div
      role="separator"
      tabIndex={0}
      aria-label={isRow ? "Width of the terminals" : "Height of the terminals"}
      aria-orientation={isRow ? "vertical" : "horizontal"}
      aria-valuenow={Math.round(ratio * 100)}
      aria-valuemin={10}
      aria-valuemax={90}
      className={classes(css.divider, isRow ? css.upright : css.level)}
      style={
        isRow
          ? { left: percent(at), top: percent(box.y), height: percent(box.height) }
          : { top: percent(at), left: percent(box.x), width: percent(box.width) }
      }
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        dragging.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={onPointerMove}
      onLostPointerCapture={() => {
        dragging.current = false;
      }}
    />
  );
}
