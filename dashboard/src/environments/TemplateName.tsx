import type { Told } from "../model/templates";

interface TemplateNameProps {
  /** As the cluster knows it. */
  readonly name: string;
  /** As people do; undefined for a template that is gone. */
  readonly told: Told | undefined;
}

export function TemplateName({ name, told }: TemplateNameProps) {
  return (
    <span lang={told?.lang} title={name}>
      {told?.text ?? name}
    </span>
  );
}
