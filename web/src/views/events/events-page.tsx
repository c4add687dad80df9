import { navigate } from "../../state/router.ts";
import { addressOf, filterOf } from "./event-filter.ts";
import { EventTimeline } from "./event-timeline.tsx";
import css from "./events.module.css";

/** What happened to everything: all workspaces, tokens, the runner itself. */
export function EventsPage({ query }: { readonly query: URLSearchParams }) {
  return (
    <div className={css.page}>
      <h1>Events</h1>
      <EventTimeline
        filter={filterOf(query)}
        onFilter={(next) => {
          const search = new URLSearchParams(addressOf(next)).toString();
          navigate(search === "" ? "/events" : `/events?${search}`, { replace: true });
        }}
        scope="all"
      />
    </div>
  );
}
