import type { TarTail } from '../format/layout.ts'
import { mostBytesBehind } from '../format/tar-forward.ts'
import type { Findings } from './findings.ts'

/** Whether a tar archive ends as it must. */
export function verifyTail({ isMarked, trailing, unread }: TarTail, findings: Findings): void {
  if (!isMarked) {
    findings.add({
      code: 'NO_END_MARK',
      severity: 'warning',
      message: 'The tar file does not end in two blocks of zeros',
      hint: 'It was cut short: members may be missing',
    })
  }
  if (unread !== undefined) {
    findings.add({
      code: 'TRAILING_BYTES',
      severity: 'error',
      message: `More than ${mostBytesBehind / 1024 / 1024} MiB of zeros follow the end of the tar archive at offset ${unread}: what comes behind them was not read`,
      offset: unread,
      hint: 'The stream may have no end: verify a file, or find out what is written behind the archive',
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
