import type { Suppression } from './options.ts'
import type { AuditFinding } from './types.ts'

/** Finds the suppression that fits a finding; undefined when none does. */
export type FindSuppression = (finding: AuditFinding) => Suppression | undefined

/** Looks findings up in a list of suppressions: by rule first, as there may be many of both. */
export function suppressionFinder(suppressions: readonly Suppression[]): FindSuppression {
  const byRule = new Map<string, { readonly suppression: Suppression; fits(object: string): boolean }[]>()
  for (const suppression of suppressions) {
    const item = { suppression, fits: matcherOf(suppression.object ?? '*') }
    const same = byRule.get(suppression.rule)
    if (same === undefined) byRule.set(suppression.rule, [item])
    else same.push(item)
  }
  if (byRule.size === 0) return () => undefined
  const any = byRule.get('*') ?? []
  return (finding) => {
    for (const { suppression, fits } of [...(byRule.get(finding.rule) ?? []), ...any]) {
      if (suppression.type !== undefined && suppression.type !== finding.desc) continue
      if (fits(finding.object)) return suppression
    }
    return undefined
  }
}

/** `*` stands for any run of characters, everything else for itself. */
function matcherOf(pattern: string): (object: string) => boolean {
  if (!pattern.includes('*')) return (object) => object === pattern
  const parts = pattern.split('*')
  const [first = ''] = parts
  const last = parts.at(-1) ?? ''
  const middle = parts.slice(1, -1)
  // by search from the left instead of a regular expression, whose time a pattern could make explode
  return (object) => {
    if (object.length < first.length + last.length || !object.startsWith(first) || !object.endsWith(last)) return false
    let at = first.length
    const end = object.length - last.length
    for (const part of middle) {
      const found = object.indexOf(part, at)
      if (found === -1 || found + part.length > end) return false
      at = found + part.length
    }
    return true
  }
}
