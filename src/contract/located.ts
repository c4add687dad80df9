/** A place as a sentence has it, from its description: "on this machine", "on ssh host box", "in docker container web". */
export function located(description: string): string {
  return `${/\bcontainer\b/.test(description) ? "in" : "on"} ${description}`;
}
