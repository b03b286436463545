import { isArchiveError, type ArchiveError, type Finding, type OnWarning } from '../errors.ts'

/** Findings of one code and severity that are kept; of the others only the number. */
const mostOfCode = 1000

/** Gathers findings, in bounded memory whatever an archive holds. */
export class Findings {
  readonly #found: Finding[] = []
  /** By severity and code. */
  readonly #counts = new Map<string, number>()
  readonly #onFinding: OnWarning

  /** @param onFinding hears of each that is kept */
  constructor(onFinding: OnWarning = () => undefined) {
    this.#onFinding = onFinding
  }

  add(finding: Finding): void {
    // a thousand remarks hide no error of the same code
    const kind = `${finding.severity} ${finding.code}`
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count > mostOfCode) return
    this.#found.push(finding)
    this.#onFinding(finding)
  }

  /** An error of reading as a finding; one that is not about the archive is thrown on. */
  addError(error: unknown, dumpId?: number): void {
    if (isArchiveError(error) && error.code !== 'CLOSED' && error.code !== 'USAGE') {
      return this.add(asFinding(error, dumpId))
    }
    if (!isSystemError(error)) throw error
    this.add({
      code: 'FILE_ERROR',
      severity: 'error',
      message: `Cannot read data: ${error.message}`,
      dumpId,
      file: error.path,
      hint: 'The storage or the permissions are at fault: the rest was verified',
    })
  }

  /** How many there are about an entry. */
  count(dumpId: number): number {
    let count = 0
    for (const finding of this.#found) if (finding.dumpId === dumpId) count++
    return count
  }

  /** In the order in which they were found. */
  all(): readonly Finding[] {
    const firsts = new Map<string, Finding>()
    for (const finding of this.#found) {
      const kind = `${finding.severity} ${finding.code}`
      if (!firsts.has(kind)) firsts.set(kind, finding)
    }
    const rest: Finding[] = []
    for (const [kind, { code, severity }] of firsts) {
      const more = (this.#counts.get(kind) ?? 0) - mostOfCode
      if (more > 0) rest.push({ code, severity, message: `${more} more findings ${code} are not shown` })
    }
    return [...this.#found, ...rest]
  }
}

/** What stopped the reading of something, as a finding. */
export function asFinding(error: ArchiveError, dumpId?: number): Finding {
  const { code, message, offset, file, hint } = error
  return { code, severity: 'error', message, dumpId: error.dumpId ?? dumpId, offset, file, hint }
}

function isSystemError(error: unknown): error is Error & { readonly path?: string } {
  return error instanceof Error && 'syscall' in error
}
