import type { TemplateView } from "../../../api/schema";
import type { Draft, Field } from "./form";

/** What every group of fields gets. */
export interface FieldsProps {
  readonly draft: Draft;
  readonly change: (part: Partial<Draft>) => void;
  readonly problems: Partial<Record<Field, string>>;
  readonly template: TemplateView | null;
}
