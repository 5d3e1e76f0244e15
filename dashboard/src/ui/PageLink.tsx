import type { ReactNode } from "react";
import { Link } from "react-router";
import { pageTo } from "./pageTo";

interface PageLinkProps {
  readonly to: string;
  readonly className?: string | undefined;
  readonly current?: boolean;
  readonly children: ReactNode;
}

/** A link to another page of the dashboard. */
export function PageLink({ to, className, current, children }: PageLinkProps) {
  return (
    <Link to={pageTo(to)} className={className} aria-current={current ? "page" : undefined}>
      {children}
    </Link>
  );
}
