export function AccessPage() {
  return <h1>Tokens and sessions</h1>;
}
