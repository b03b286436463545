import type { TarTail } from '../format/layout.ts'
import type { Findings } from './findings.ts'

/** Whether a tar archive ends as it must. */
export function verifyTail({ isMarked, trailing }: TarTail, findings: Findings): void {
  if (!isMarked) {
    findings.add({
      code: 'NO_END_MARK',
      severity: 'warning',
      message: 'The tar file does not end in two blocks of zeros',
      hint: 'It was cut short: members may be missing',
    })
  }
  if (trailing === undefined) return
  findings.add({
    code: 'TRAILING_BYTES',
    severity: 'error',
    message: `There are bytes after the end of the tar archive, at offset ${trailing}`,
    offset: trailing,
    hint: 'pgdmp stops at the end mark, pg_restore goes on: they may read different archives',
  })
}
