/** What a browser calls itself, in words: "Firefox on Linux". */
export function browserName(agent: string | null): string {
  if (agent === null || agent === "") return "Unknown browser";
  const name =
    found(agent, [
      [/\bEdg(?:e|A|iOS)?\//, "Edge"],
      [/\bOPR\//, "Opera"],
      [/\bFirefox\/|\bFxiOS\//, "Firefox"],
      [/\bHeadlessChrome\//, "Headless Chrome"],
      [/\bChrom(?:e|ium)\/|\bCriOS\//, "Chrome"],
      [/\bSafari\//, "Safari"],
    ]) ?? agent.slice(0, 40);
  const system = found(agent, [
    [/\bAndroid\b/, "Android"],
    [/\biPhone\b|\biPad\b/, "iOS"],
    [/\bWindows\b/, "Windows"],
    [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
    [/\bCrOS\b/, "ChromeOS"],
    [/\bLinux\b/, "Linux"],
  ]);
  return system === undefined ? name : `${name} on ${system}`;
}

function found(agent: string, names: readonly (readonly [RegExp, string])[]): string | undefined {
  return names.find(([pattern]) => pattern.test(agent))?.[1];
}
