import type { ApiError } from "./client";
import type { FieldError } from "./schema";

/** What a refusal says, by the form's fields; `general` is about all of it, or about what the form does not have. */
export interface Said<Field extends string> {
  readonly problems: Partial<Record<Field, string>>;
  readonly general: string | undefined;
}

/** A refusal's sentences at the fields that `placeOf` finds for them; `whole` is its sentence about all of it. */
export function spread<Field extends string>(
  error: ApiError,
  placeOf: (item: FieldError) => Field | undefined,
  whole: string,
): Said<Field> {
  const problems: Partial<Record<Field, string>> = {};
  let placed = 0;
  for (const item of error.fields) {
    const field = placeOf(item);
    if (field !== undefined) {
      problems[field] = problems[field] === undefined ? item.message : `${problems[field]} ${item.message}`;
      placed += 1;
    }
  }
  const complete = placed > 0 && placed === error.fields.length;
  return { problems, general: complete ? undefined : whole };
}
