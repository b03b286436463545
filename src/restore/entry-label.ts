import type { TocEntry } from '../toc/types.ts'

/** An entry in a message: `TABLE app.t`. */
export function labelOf({ desc, namespace, tag }: TocEntry): string {
  return `${desc} ${namespace ? `${namespace}.` : ''}${tag ?? ''}`.trimEnd()
}
