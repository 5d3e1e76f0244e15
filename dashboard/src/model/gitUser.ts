/** As whom Git commits in new environments. */
export interface GitUser {
  readonly name: string;
  readonly email: string;
}

const MOST_NAME = 128;
const MOST_EMAIL = 254;

/** The server's rule: what Git itself can write into a commit. */
export function isGitName(name: string): boolean {
  return name !== "" && name.length <= MOST_NAME && !/[<>\p{Cc}]/u.test(name);
}

export function isGitEmail(email: string): boolean {
  return /^[^\s<>@]+@[^\s<>@]+$/.test(email) && email.length <= MOST_EMAIL && !/\p{Cc}/u.test(email);
}

/** Both together, or nobody: half of it would make commits that Git refuses. */
export function readGitUser(name: string, email: string): GitUser | null {
  const user = { name: name.trim(), email: email.trim() };
  return isGitName(user.name) && isGitEmail(user.email) ? user : null;
}
