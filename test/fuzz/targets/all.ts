import type { FuzzTarget } from '../target.ts'
import { archiveTargets } from './archives.ts'
import { codecTargets } from './codecs.ts'
import { textTargets } from './texts.ts'

/** Everything that is fuzzed; a new target is a new line in one of these. */
export const targets: readonly FuzzTarget[] = [...archiveTargets, ...codecTargets, ...textTargets]
