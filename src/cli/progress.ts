import { formatBytes, formatDuration } from './layout.ts'

/** What a progress line is drawn on: `process.stderr` when it is a terminal. */
export interface ProgressScreen {
  /** Cells in a line; undefined or 0 where the terminal does not say. */
  readonly columns?: number | undefined
  write(text: string): unknown
}

/** Short jobs draw nothing. */
const QUIET_MS = 500
const REDRAW_MS = 200

/**
 * One line on a terminal that says how far a job is, redrawn a few times a second while {@link Progress.update} is
 * called, and wiped by {@link Progress.done}.
 */
export class Progress {
  readonly #screen: ProgressScreen
  readonly #started: number
  readonly #now: () => number
  #drawn = 0
  #visible = false

  /** @param now milliseconds; a test gives its own clock */
  constructor(screen: ProgressScreen, now: () => number = () => performance.now()) {
    this.#screen = screen
    this.#now = now
    this.#started = now()
  }

  /**
   * @param bytes done so far
   * @param part of the whole that is done, 0 to 1; undefined when the whole is not known
   * @param label what is being done
   */
  update(bytes: number, part: number | undefined, label: string): void {
    const now = this.#now()
    const elapsed = now - this.#started
    if (elapsed < QUIET_MS || now - this.#drawn < REDRAW_MS) return
    this.#drawn = now
    this.#visible = true
    const rate = (bytes / elapsed) * 1000
    const fields = [formatBytes(bytes), `${formatBytes(rate)}/s`]
    if (part !== undefined && part > 0) {
      fields.unshift(bar(part), `${Math.floor(part * 100)} %`.padStart(5))
      fields.push(`${formatDuration((elapsed / part) * (1 - part))} left`)
    } else {
      fields.push(formatDuration(elapsed))
    }
    if (label !== '') fields.push(label)
    const line = fields.join('  ')
    this.#screen.write(`\r\u001B[K${line.slice(0, Math.max(1, (this.#screen.columns || 80) - 1))}`)
  }

  /** Wipes the line, so that what is written next starts on an empty one. */
  done(): void {
    if (!this.#visible) return
    this.#visible = false
    this.#screen.write('\r\u001B[K')
  }
}

const BAR_CELLS = 20

function bar(part: number): string {
  const full = Math.round(Math.min(1, part) * BAR_CELLS)
  return `[${'#'.repeat(full)}${' '.repeat(BAR_CELLS - full)}]`
}
