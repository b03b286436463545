/** A long option; options with the same `id` are synonyms, which an abbreviation may leave open. */
export interface LongOption<Id extends string> {
  readonly name: string
  readonly id: Id
  /** Takes an argument. */
  readonly argument: boolean
}

/** The options of a program, as getopt_long(3) takes them. */
export interface OptionTable<Id extends string> {
  /** In the order in which an ambiguous abbreviation lists them. */
  readonly long: readonly LongOption<Id>[]
  readonly short: ReadonlyMap<string, { readonly id: Id; readonly argument: boolean }>
}

/** One step of {@link getopt}: an option, or getopt's complaint without the program's name. */
export type OptionStep<Id extends string> =
  | { readonly kind: 'option'; readonly id: Id; readonly value: string }
  | { readonly kind: 'complaint'; readonly text: string }

type State = { readonly args: readonly string[]; next: number }

/**
 * Walks the arguments as glibc's getopt_long(3) does, one option at a time, and returns the operands.
 *
 * Options and operands may be mixed unless `posixlyCorrect`; `--` ends the options; long names may be abbreviated as
 * long as they stay unambiguous. After a complaint the walk may go on.
 *
 * @param args byte strings (one UTF-16 unit for each byte), because a complaint about a short option names one byte
 */
export function* getopt<Id extends string>(
  args: readonly string[],
  table: OptionTable<Id>,
  options: { readonly posixlyCorrect?: boolean } = {},
): Generator<OptionStep<Id>, readonly string[], void> {
  const operands: string[] = []
  const state: State = { args, next: 0 }
  for (;;) {
    const arg = args[state.next]
    if (arg === undefined) return operands
    if (arg === '--') return [...operands, ...args.slice(state.next + 1)]
    if (!arg.startsWith('-') || arg === '-') {
      if (options.posixlyCorrect === true) return args.slice(state.next)
      operands.push(arg)
      state.next++
      continue
    }
    state.next++
    if (arg.startsWith('--')) yield longOption(arg.slice(2), table.long, state)
    else yield* shortOptions(arg, table.short, state)
  }
}

/** process_long_option, glibc's getopt.c */
function longOption<Id extends string>(text: string, options: readonly LongOption<Id>[], state: State): OptionStep<Id> {
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  let found = options.find((option) => option.name === name)
  if (found === undefined) {
    const candidates = options.filter((option) => option.name.startsWith(name))
    found = candidates[0]
    if (found === undefined) return { kind: 'complaint', text: `unrecognized option '--${text}'` }
    const { id } = found
    // Synonyms of the first match do not make it ambiguous and are not listed beside it.
    const others = candidates.filter((option) => option.id !== id)
    if (others.length > 0) {
      const list = [found, ...others].map((option) => ` '--${option.name}'`).join('')
      return { kind: 'complaint', text: `option '--${text}' is ambiguous; possibilities:${list}` }
    }
  }
  if (!found.argument) {
    if (equals < 0) return { kind: 'option', id: found.id, value: '' }
    return { kind: 'complaint', text: `option '--${found.name}' doesn't allow an argument` }
  }
  if (equals >= 0) return { kind: 'option', id: found.id, value: text.slice(equals + 1) }
  const value = state.args[state.next]
  if (value === undefined) return { kind: 'complaint', text: `option '--${found.name}' requires an argument` }
  state.next++
  return { kind: 'option', id: found.id, value }
}

function* shortOptions<Id extends string>(
  arg: string,
  options: OptionTable<Id>['short'],
  state: State,
): Generator<OptionStep<Id>, void, void> {
  for (let at = 1; at < arg.length; at++) {
    const letter = arg.charAt(at)
    const option = options.get(letter)
    if (option === undefined) {
      yield { kind: 'complaint', text: `invalid option -- '${letter}'` }
      continue
    }
    if (!option.argument) {
      yield { kind: 'option', id: option.id, value: '' }
      continue
    }
    const value = at + 1 < arg.length ? arg.slice(at + 1) : state.args[state.next++]
    if (value === undefined) yield { kind: 'complaint', text: `option requires an argument -- '${letter}'` }
    else yield { kind: 'option', id: option.id, value }
    return
  }
}
