import { describe, expect, test } from 'vitest'
import { getopt, type OptionTable } from '../../../src/cli/getopt.ts'

type Id = 'all' | 'file' | 'fast' | 'quiet'

const table: OptionTable<Id> = {
  long: [
    { name: 'all', id: 'all', argument: false },
    { name: 'file', id: 'file', argument: true },
    { name: 'fast', id: 'fast', argument: false },
    { name: 'fleet', id: 'fast', argument: false },
    { name: 'quiet', id: 'quiet', argument: false },
    { name: 'quit', id: 'quiet', argument: false },
  ],
  short: new Map([
    ['a', { id: 'all', argument: false }],
    ['f', { id: 'file', argument: true }],
  ]),
}

/** Options as `id=value`, complaints in angle brackets, then the operands. */
function walk(args: readonly string[], posixlyCorrect = false): [steps: string[], operands: readonly string[]] {
  const steps = []
  const walker = getopt(args, table, { posixlyCorrect })
  for (;;) {
    const step = walker.next()
    if (step.done === true) return [steps, step.value]
    steps.push(step.value.kind === 'option' ? `${step.value.id}=${step.value.value}` : `<${step.value.text}>`)
  }
}

describe('getopt() walks arguments as glibc does', () => {
  test.each([
    { rule: 'operands stand anywhere', args: ['x', '-a', 'y'], steps: ['all='], operands: ['x', 'y'] },
    { rule: '"--" ends the options', args: ['x', '--', '-a', '--'], steps: [], operands: ['x', '-a', '--'] },
    { rule: '"-" and "" are operands', args: ['-', '-a', ''], steps: ['all='], operands: ['-', ''] },
    { rule: 'short options join', args: ['-aafx'], steps: ['all=', 'all=', 'file=x'], operands: [] },
    {
      rule: 'a value may begin with "-"',
      args: ['-f', '--', '--file', '-a'],
      steps: ['file=--', 'file=-a'],
      operands: [],
    },
    { rule: 'a value may be empty', args: ['--file=', '-f', ''], steps: ['file=', 'file='], operands: [] },
    { rule: 'a value keeps its "="', args: ['--file=a=b', '-f=c'], steps: ['file=a=b', 'file==c'], operands: [] },
    { rule: 'long names may be abbreviated', args: ['--al', '--fi', 'v'], steps: ['all=', 'file=v'], operands: [] },
    { rule: 'synonyms are not ambiguous', args: ['--qui'], steps: ['quiet='], operands: [] },
  ])('$rule', ({ args, steps, operands }) => {
    expect(walk(args)).toEqual([steps, operands])
  })

  test.each([
    { args: ['--nope=1'], text: "unrecognized option '--nope=1'" },
    { args: ['---'], text: "unrecognized option '---'" },
    { args: ['--f=1'], text: "option '--f=1' is ambiguous; possibilities: '--file' '--fast' '--fleet'" },
    { args: ['--fa=1'], text: "option '--fast' doesn't allow an argument" },
    { args: ['--fil'], text: "option '--file' requires an argument" },
    { args: ['-f'], text: "option requires an argument -- 'f'" },
    { args: ['-z'], text: "invalid option -- 'z'" },
    { args: ['-a-'], text: "invalid option -- '-'" },
  ])('complains: $text', ({ args, text }) => {
    expect(walk(args)[0].at(-1)).toBe(`<${text}>`)
  })

  test('synonyms of the first match are not listed as possibilities', () => {
    const long = [
      { name: 'skip-a', id: 'all', argument: false },
      { name: 'skip-b', id: 'all', argument: false },
      { name: 'skip-c', id: 'quiet', argument: false },
    ] as const
    const first = getopt(['--skip'], { long, short: new Map() }).next()
    expect(first.value).toEqual({
      kind: 'complaint',
      text: "option '--skip' is ambiguous; possibilities: '--skip-a' '--skip-c'",
    })
  })

  test('with POSIXLY_CORRECT the first operand ends the options', () => {
    expect(walk(['-a', 'x', '-a'], true)).toEqual([['all='], ['x', '-a']])
    expect(walk(['-a', '--', '-a'], true)).toEqual([['all='], ['-a']])
  })
})
