import { useState } from "react";
import type { TemplateView } from "../../api/schema";
import { isHostListed, readRepository } from "../../model/git";

/** Whose code a link brings is a question to the person, unless an admin has answered it in the template's list. */
export interface Trust {
  /** The host of the link's repository, as long as the form has a repository of it. */
  readonly host: string;
  readonly isNeeded: boolean;
  readonly isGiven: boolean;
  readonly give: (given: boolean) => void;
}

/** `linked` is what a link has brought, `repository` what the form has now. */
export function useTrust(linked: string, repository: string, template: TemplateView | undefined): Trust {
  const [trusted, setTrusted] = useState("");
  const place = readRepository(repository);
  // What somebody has typed is their own choice.
  const isLinked = place !== undefined && place.host === readRepository(linked)?.host;
  const host = isLinked ? place.host : "";
  return {
    host,
    isNeeded: isLinked && !isHostListed(place.hostName, template?.gitHosts ?? null),
    isGiven: host !== "" && trusted === host,
    give: (given) => setTrusted(given ? host : ""),
  };
}
