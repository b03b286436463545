import type { Reporter, TestModule } from 'vitest/node'

/** Says at the end how many tests were left out, and why: a skip must not pass for a success. */
export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const reasons = new Map<string, number>()
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const result = test.result()
        const reason = (result.state === 'skipped' && result.note) || `${module.relativeModuleId}: no reason given`
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      }
    }
    let total = 0
    for (const count of reasons.values()) total += count
    console.log(`\nSkipped tests: ${total}`)
    for (const [reason, count] of reasons) console.log(`  ${count} × ${reason}`)
  }
}
