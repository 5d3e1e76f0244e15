/** Where a repository is, read from its address. */
export interface RepositoryPlace {
  /** As it is shown: with a port where there is one. */
  readonly host: string;
  /** What a template's list of hosts names. */
  readonly hostName: string;
  /** Without `.git`, as people say it. */
  readonly path: string;
}

export const MOST_REPOSITORY = 512;
export const MOST_BRANCH = 256;

// Narrower than a browser's: programs that read an address differently must find the same host in it.
const ADDRESS = /^https?:\/\/(([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?)\/([^\s?#\\]*[^\s?#\\/])\/?$/;

/** Undefined for what is no address of a repository. */
export function readRepository(text: string): RepositoryPlace | undefined {
  const [, host, hostName, path] = (text.length <= MOST_REPOSITORY && ADDRESS.exec(text)) || [];
  if (host === undefined || hostName === undefined || path === undefined) {
    return undefined;
  }
  return { host: host.toLowerCase(), hostName: hostName.toLowerCase(), path: path.replace(/\.git$/, "") };
}

/** What is wrong with an address, in the order in which people can mend it. */
export function findRepositoryProblem(text: string): "credentials" | "address" | null {
  if (/^https?:\/\/[^/\s\\]*@/.test(text)) {
    return "credentials";
  }
  return readRepository(text) === undefined ? "address" : null;
}

/** Git's own rule for names of branches and tags, as far as it can be seen from the name alone. */
export function isBranch(text: string): boolean {
  return text.length <= MOST_BRANCH && !/^-|\.\.|[\s~^:?*[\\"\p{Cc}]/u.test(text);
}

/** Whether a template takes repositories from a host: `*.domain` means everything below a domain, null any host. */
export function isHostAllowed(hostName: string, allowed: readonly string[] | null): boolean {
  return allowed === null || allowed.length === 0 || isHostListed(hostName, allowed);
}

/** Whether an admin has named the host; nobody else vouches for what a link brings. */
export function isHostListed(hostName: string, allowed: readonly string[] | null): boolean {
  return (allowed ?? []).some((known) =>
    known.startsWith("*.") ? hostName.endsWith(known.slice(1)) : hostName === known.toLowerCase(),
  );
}

/** Whether two addresses mean the same repository, however it was written down. */
export function isSameRepository(one: string, other: string): boolean {
  const places = [one, other].map(readRepository);
  const [first, second] = places.map((place) => place && `${place.host}/${place.path}`);
  return first !== undefined && first === second;
}

/** What a repository is called: the last part of its address. */
export function repositoryName(repository: string): string {
  return readRepository(repository)?.path.split("/").at(-1) ?? "";
}

/** An address for people to read: without scheme and `.git`. */
export function shortRepository(repository: string): string {
  const place = readRepository(repository);
  return place === undefined ? repository : `${place.host}/${place.path}`;
}
