/** An image reference taken apart, as the engine reads it. */
export interface ImageReference {
  /** Registry host as credentials are filed under; "docker.io" when none is named. */
  readonly registry: string;
  /** Everything before tag and digest, as written. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** The first component is a registry when it has a dot or a colon, or is "localhost". */
export function parseImageReference(reference: string): ImageReference {
  const at = reference.indexOf("@");
  const digest = at === -1 ? undefined : reference.slice(at + 1);
  const tagged = at === -1 ? reference : reference.slice(0, at);
  const colon = tagged.lastIndexOf(":");
  const hasTag = colon > tagged.lastIndexOf("/");
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  const slash = name.indexOf("/");
  const first = slash === -1 ? "" : name.slice(0, slash);
  const isRegistry = first === "localhost" || /[.:]/.test(first);
  return { registry: isRegistry ? first : "docker.io", name, tag, digest };
}

/** Name of the image that Berth derives from another: `debian:12` → `debian_berth:12`. */
export function derivedImageName(reference: string, baseId: string): string {
  const { name, tag, digest } = parseImageReference(reference);
  const hex = (digest ?? baseId).replace(/^.*:/, "").slice(0, 12);
  // An id instead of a name has nothing that a name could be made of.
  if (/^(sha256:)?[0-9a-f]{12,64}$/.test(reference)) return `berth_berth:${hex}`;
  return `${name}_berth:${tag ?? (digest === undefined ? "latest" : hex)}`;
}
