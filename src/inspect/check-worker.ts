import { serveThread } from '#codec/platform'
import { ByteRing } from '../codec/byte-ring.ts'
import type { CheckQuestion } from './check-thread.ts'
import { ContentCheck, type CheckedContent } from './content-check.ts'
import { textRules, type TextRules } from './text-check.ts'

// The script of the thread that `verify` starts: it checks what comes through the ring, one stream for each question.

let rules: TextRules | undefined

function check({ memory, subject, settings, limits }: CheckQuestion): CheckedContent {
  // those of one archive
  rules ??= textRules(settings, limits)
  const content = new ContentCheck(subject, rules)
  const ring = new ByteRing(memory)
  ring.readAll((piece) => content.push(piece))
  return content.finish(ring.isWhole)
}

serveThread((question) => check(question as CheckQuestion)) // what check-thread.ts asks, and nobody else
