import { ArchiveError } from '../errors.ts'
import { isWordCharacter, parseRegex, type CharacterTest, type Place, type RegexNode } from './regex-syntax.ts'

/** One step of a compiled expression; numbers are indices of instructions. */
type Instruction =
  | { readonly op: 'character'; readonly test: CharacterTest }
  | { readonly op: 'fork'; readonly first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'place'; readonly place: Place }
  /** Remembers the place, for references back and to tell rounds that get nowhere. */
  | { readonly op: 'mark'; readonly slot: number }
  /** Another round, unless this one matched nothing since its mark, which none but the first may; the mark before is that of all. */
  | { readonly op: 'round'; readonly slot: number; readonly again: number }
  | { readonly op: 'again'; readonly slot: number }
  | { readonly op: 'end' }

/** An expression of more is "too complex", as PostgreSQL calls it as well (REG_ETOOBIG). */
const mostInstructions = 20_000

/** Steps that a match may take where the expression refers back to what a group matched. */
const mostSteps = 1_000_000

/**
 * Compiles a regular expression of PostgreSQL, to be matched against whole names. Names come from archives, and may be
 * made so that trying one way after the other never ends: all ways are followed at once, so that the time is at most
 * that of comparing every character with every part of the expression. Only references back cannot be matched so; these
 * are given up after a number of steps.
 *
 * @throws SyntaxError for what is no regular expression; the test throws ArchiveError USAGE when it gives up
 */
export function compileRegex(regex: string): (value: string) => boolean {
  const { node, refersBack } = parseRegex(regex)
  const compiler = new Compiler()
  compiler.add(node)
  compiler.emit({ op: 'end' })
  const { program, slots } = compiler
  return refersBack
    ? (value) => matchesTrying(program, slots, Array.from(value), regex)
    : (value) => matchesAtOnce(program, Array.from(value))
}

class Compiler {
  readonly program: Instruction[] = []
  slots = 0
  /** First slot of each group. */
  readonly #groups = new Map<number, number>()

  emit(instruction: Instruction): number {
    if (this.program.length >= mostInstructions) throw new SyntaxError('it is too complex')
    return this.program.push(instruction) - 1
  }

  add(node: RegexNode): void {
    switch (node.kind) {
      case 'character':
        return void this.emit({ op: 'character', test: node.test })
      case 'place':
        return void this.emit({ op: 'place', place: node.place })
      case 'sequence':
        for (const part of node.parts) this.add(part)
        return undefined
      case 'choice':
        return this.#addChoice(node.parts)
      case 'group':
        return this.#addGroup(node.number, node.of)
      case 'again':
        return void this.emit({ op: 'again', slot: this.#groups.get(node.group) ?? 0 })
      case 'repeat':
        return this.#addRepeat(node.of, node.min, node.max)
      default:
        return node satisfies never
    }
  }

  #addChoice(parts: readonly RegexNode[]): void {
    const jumps: { readonly op: 'jump'; to: number }[] = []
    for (const [index, part] of parts.entries()) {
      const fork = index + 1 < parts.length ? this.#fork() : undefined
      this.add(part)
      if (fork === undefined) break
      const jump = { op: 'jump' as const, to: 0 }
      jumps.push(jump)
      this.emit(jump)
      fork.second = this.program.length
    }
    for (const jump of jumps) jump.to = this.program.length
  }

  #addGroup(number: number, of: RegexNode): void {
    // a group that is repeated has the same slots in each of its copies
    const slot = this.#groups.get(number) ?? this.#newSlots(2)
    this.#groups.set(number, slot)
    this.emit({ op: 'mark', slot })
    this.add(of)
    this.emit({ op: 'mark', slot: slot + 1 })
  }

  #addRepeat(of: RegexNode, min: number, max: number): void {
    const slot = max === Infinity ? this.#newSlots(2) + 1 : undefined
    for (let count = 0; count < min; count++) this.add(of)
    if (slot !== undefined) {
      this.emit({ op: 'mark', slot: slot - 1 })
      const fork = this.#fork()
      this.emit({ op: 'mark', slot })
      this.add(of)
      this.emit({ op: 'round', slot, again: fork.first - 1 })
      fork.second = this.program.length
      return
    }
    const forks: { second: number }[] = []
    for (let count = min; count < max; count++) {
      forks.push(this.#fork())
      this.add(of)
    }
    for (const fork of forks) fork.second = this.program.length
  }

  /** Two ways: what follows, and one that is told later. */
  #fork(): { readonly op: 'fork'; readonly first: number; second: number } {
    const fork = { op: 'fork' as const, first: this.program.length + 1, second: 0 }
    this.emit(fork)
    return fork
  }

  #newSlots(count: number): number {
    this.slots += count
    return this.slots - count
  }
}

function isAt(place: Place, characters: readonly string[], at: number): boolean {
  if (place === 'text-start') return at === 0
  const before = isWordCharacter(characters[at - 1])
  const after = isWordCharacter(characters[at])
  return place === 'word-start' ? !before && after : before !== after
}

/** Follows all ways at once, character by character. */
function matchesAtOnce(program: readonly Instruction[], characters: readonly string[]): boolean {
  /** The character before which an instruction was last come to. */
  const visited = new Int32Array(program.length).fill(-1)
  let ended = false
  let waiting: CharacterTestAt[] = []
  const follow = (start: number, at: number): void => {
    const stack = [start]
    for (let index = stack.pop(); index !== undefined; index = stack.pop()) {
      if (visited[index] === at) continue
      visited[index] = at
      const instruction = program[index]
      switch (instruction?.op) {
        case 'character':
          waiting.push({ test: instruction.test, next: index + 1 })
          break
        case 'fork':
          stack.push(instruction.second, instruction.first)
          break
        case 'jump':
          stack.push(instruction.to)
          break
        case 'place':
          if (isAt(instruction.place, characters, at)) stack.push(index + 1)
          break
        case 'round':
          // one that gets nowhere comes to where it has been
          stack.push(index + 1, instruction.again)
          break
        case 'end':
          ended = true
          break
        default:
          stack.push(index + 1)
      }
    }
  }
  follow(0, 0)
  for (const [at, character] of characters.entries()) {
    if (waiting.length === 0) return false
    ended = false
    const tests = waiting
    waiting = []
    for (const { test, next } of tests) if (test(character)) follow(next, at + 1)
  }
  return ended
}

interface CharacterTestAt {
  readonly test: CharacterTest
  readonly next: number
}

/** Tries one way after the other. */
function matchesTrying(
  program: readonly Instruction[],
  slots: number,
  characters: readonly string[],
  regex: string,
): boolean {
  type Try = { readonly index: number; readonly at: number; readonly marks: readonly number[] }
  const tries: Try[] = [{ index: 0, at: 0, marks: Array.from({ length: slots }, () => -1) }]
  let steps = 0
  for (let current = tries.pop(); current !== undefined; current = tries.pop()) {
    let { index, at, marks } = current
    for (let alive = true; alive;) {
      if (++steps > mostSteps) throw gaveUp(regex)
      const instruction = program[index++]
      switch (instruction?.op) {
        case 'character': {
          const character = characters[at++]
          alive = character !== undefined && instruction.test(character)
          break
        }
        case 'fork':
          tries.push({ index: instruction.second, at, marks })
          break
        case 'jump':
          index = instruction.to
          break
        case 'place':
          alive = isAt(instruction.place, characters, at)
          break
        case 'mark':
          marks = marks.with(instruction.slot, at)
          steps += slots >> 4
          break
        case 'round':
          if (marks[instruction.slot] !== at) index = instruction.again
          else alive = marks[instruction.slot - 1] === at
          break
        case 'again': {
          const from = marks[instruction.slot] ?? -1
          const to = marks[instruction.slot + 1] ?? -1
          // what was not matched cannot be matched again
          alive = from >= 0 && to >= from
          for (let each = from; alive && each < to; each++) alive = characters[each] === characters[at++]
          steps += Math.max(0, to - from)
          break
        }
        default:
          if (at === characters.length) return true
          alive = false
      }
    }
  }
  return false
}

function gaveUp(regex: string): ArchiveError {
  return new ArchiveError(
    'USAGE',
    `Cannot match pattern ${JSON.stringify(regex)} with a name: gave up after ${mostSteps} steps`,
    { hint: 'Write it without references to what a group matched, \\2 and the like', details: { pattern: regex } },
  )
}
