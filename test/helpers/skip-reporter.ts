import type { Reporter, TestModule } from 'vitest/node'

/** Says at the end how many tests were left out, and why: a skip must not pass for a success. */
export class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const reasons = new Map<string, number>()
    const add = (reason: string): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    for (const module of modules) {
      // one whose tests are made for what is not there
      if (module.state() === 'skipped' && [...module.children.allTests()].length === 0) {
        add(`${module.relativeModuleId}: it makes no tests here`)
      }
      for (const test of module.children.allTests('skipped')) {
        const result = test.result()
        const reason = (result.state === 'skipped' && result.note) || `${module.relativeModuleId}: no reason given`
        add(reason)
      }
    }
    let total = 0
    for (const count of reasons.values()) total += count
    console.log(`\nSkipped tests: ${total}`)
    for (const [reason, count] of reasons) console.log(`  ${count} × ${reason}`)
  }
}
