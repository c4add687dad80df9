import { useEffect, useState } from "react";
import { shortDuration } from "./format.ts";

/** The time now, told again every so many milliseconds while somebody looks. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) setNow(Date.now());
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A moment as how long ago it was; the whole of it when pointed at. */
export function Ago({ time }: { readonly time: string }) {
  const now = useNow(10_000);
  const ms = now - Date.parse(time);
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()}>
      {ms < 10_000 ? "now" : `${shortDuration(ms)} ago`}
    </time>
  );
}
