import type { AnchorHTMLAttributes, MouseEvent, ReactNode } from "react";
import { navigate } from "../state/router.ts";

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  /** A path of this page. */
  readonly to: string;
  readonly children: ReactNode;
}

/** Goes there without loading the page anew; opens elsewhere as any link does. */
export function Link({ to, children, ...rest }: LinkProps) {
  const onClick = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={onClick} {...rest}>
      {children}
    </a>
  );
}
