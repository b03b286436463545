import { expect, test } from 'vitest'
import { jsonText } from '../../../src/cli/json-text.ts'

test('jsonText() gives the same value, and nothing that drives a terminal', () => {
  const value = { 'a\u009b2J': ['\u007f\u0085\u009f', '\u2028\u202e\u2066', 'ü€\u{1f600}', '\u001b[2J\n'] }
  for (const indent of [undefined, 2]) {
    const text = jsonText(value, indent)
    expect(JSON.parse(text)).toEqual(value)
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/u)
    expect(text).toContain('ü€\u{1f600}')
  }
})
