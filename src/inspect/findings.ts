import { isArchiveError, type ArchiveError, type Finding, type OnWarning } from '../errors.ts'

/** Findings of one code that are kept; of the others only the number. */
const mostOfCode = 1000

/** Gathers findings, in bounded memory whatever an archive holds. */
export class Findings {
  readonly #found: Finding[] = []
  readonly #counts = new Map<string, number>()
  readonly #onFinding: OnWarning

  /** @param onFinding hears of each that is kept */
  constructor(onFinding: OnWarning = () => undefined) {
    this.#onFinding = onFinding
  }

  add(finding: Finding): void {
    const count = (this.#counts.get(finding.code) ?? 0) + 1
    this.#counts.set(finding.code, count)
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

  /** Whether anything of this severity was found. */
  has(severity: Finding['severity']): boolean {
    return this.#found.some((finding) => finding.severity === severity)
  }

  /** In the order in which they were found. */
  all(): readonly Finding[] {
    const rest = Array.from(this.#counts).filter(([, count]) => count > mostOfCode)
    return [
      ...this.#found,
      ...rest.map(([code, count]) => ({
        code,
        severity: this.#found.find((finding) => finding.code === code)?.severity ?? 'error',
        message: `${count - mostOfCode} more findings ${code} are not shown`,
      })),
    ]
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
