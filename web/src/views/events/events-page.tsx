export function EventsPage({ query }: { readonly query: URLSearchParams }) {
  return <h1>Events {query.get("type")}</h1>;
}
