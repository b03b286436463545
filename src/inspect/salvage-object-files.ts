import type { Limits } from '../limits.ts'
import type { TocEntry } from '../toc/types.ts'
import { findStored, payloadOfFile, splitSuffix, type FoundFiles } from './salvage-files.ts'
import type { GatheredData, GatheredObject } from './salvage-gather.ts'
import { TolerantSource, type Break } from './salvage-payload.ts'

/** What was found by a list of large objects. */
export interface ObjectList {
  readonly name: string
  readonly objects: GatheredObject[]
  /** OIDs that it has, without files. */
  readonly absent: readonly number[]
  broken: Break | undefined
}

/** The files of large objects, by their lists and by their names. */
export class ObjectFiles {
  readonly #files: FoundFiles
  /** OIDs that entries declare. */
  readonly #declared: ReadonlySet<number>
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined
  readonly #byOid = new Map<number, GatheredObject>()
  readonly #offsets = new Map<number, number>()
  readonly #taken = new Set<number>()

  constructor(files: FoundFiles, declared: ReadonlySet<number>, limits: Limits, signal: AbortSignal | undefined) {
    this.#files = files
    this.#declared = declared
    this.#limits = limits
    this.#signal = signal
    for (const [name, file] of files.byName) {
      const { recorded, container } = splitSuffix(name)
      const oid = Number(/^blob_([0-9]+)\.dat$/.exec(recorded)?.[1] ?? 0)
      const isEmpty = file.size === 0 && file.cut === undefined && container !== 'gzip'
      if (!(oid > 0 && oid <= 0xffff_ffff) || this.#byOid.has(oid)) continue
      this.#offsets.set(oid, file.offset)
      this.#byOid.set(oid, { oid, payload: payloadOfFile(file, isEmpty ? 'none' : container, signal) })
    }
  }

  /** The objects of a list, in its order. */
  async listed(name: string): Promise<ObjectList> {
    const { oids, broken } = await this.#read(name)
    const objects: GatheredObject[] = []
    for (const oid of oids) this.#take(oid, objects)
    return { name, objects, absent: oids.filter((oid) => !this.#byOid.has(oid)), broken }
  }

  /** Adds what the list lacks of the objects that its entry must have: a list that ends with a line may be cut all the same. */
  addOwn(list: ObjectList, oids: readonly number[]): void {
    const before = list.objects.length
    for (const oid of this.#inOrder(oids)) this.#take(oid, list.objects)
    if (list.objects.length > before) list.broken ??= cutList(list.name)
  }

  /** The objects of an entry; what no list has is added by name where that can be told. */
  of(entry: TocEntry, list: ObjectList, isOnly: boolean): GatheredData | undefined {
    const { objects, absent } = list
    const ends = /^([0-9]{1,10})(?:\.\.([0-9]{1,10}))?$/.exec(entry.tag ?? '')
    const [first, last] = isOnly ? [0, Infinity] : [Number(ends?.[1] ?? 0), Number(ends?.[2] ?? ends?.[1] ?? 0)]
    const unlisted = this.#inOrder(
      [...this.#byOid.keys()].filter((oid) => oid >= first && oid <= last && !this.#taken.has(oid)),
    )
    const isShort = unlisted.some((oid) => this.#declared.has(oid))
    const broken = list.broken ?? (isShort ? cutList(list.name) : undefined)
    for (const oid of unlisted) if (list.broken !== undefined || this.#declared.has(oid)) this.#take(oid, objects)
    if (objects.length === 0 && list.broken !== undefined) return undefined
    return { kind: 'objects', objects, absent, broken }
  }

  /** The objects that no list has. */
  rest(): readonly GatheredObject[] {
    const objects: GatheredObject[] = []
    for (const oid of this.#inOrder([...this.#byOid.keys()])) this.#take(oid, objects)
    return objects
  }

  /** In the order of a list: members of a tar archive lie in it. */
  #inOrder(oids: readonly number[]): readonly number[] {
    const placeOf = (oid: number): number => this.#offsets.get(oid) ?? 0
    return [...oids].sort((a, b) => placeOf(a) - placeOf(b) || a - b)
  }

  #take(oid: number, objects: GatheredObject[]): void {
    const object = this.#byOid.get(oid)
    if (object === undefined || this.#taken.has(oid)) return
    this.#taken.add(oid)
    objects.push(object)
  }

  /** The lines of a list that can be read. */
  async #read(name: string): Promise<{ readonly oids: readonly number[]; readonly broken: Break | undefined }> {
    const found = findStored(this.#files, name)
    if (found === undefined)
      return { oids: [], broken: { kind: 'cut', offset: 0, reason: `there is no file "${name}"` } }
    const source = new TolerantSource(
      payloadOfFile(found.file, found.container, this.#signal),
      this.#limits,
      this.#signal,
    )
    const oids: number[] = []
    let rest = ''
    let bad = false
    try {
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
        const lines = (rest + new TextDecoder('latin1').decode(chunk)).split('\n')
        rest = (lines.pop() ?? '').slice(0, 2048)
        for (const line of lines) {
          const oid = Number(/^([0-9]{1,10})\s+blob_\1\.dat/.exec(line)?.[1] ?? 0)
          if (oid > 0 && oid <= 0xffff_ffff) oids.push(oid)
          else bad = true
        }
      }
    } finally {
      await source.cancel()
    }
    const { ending } = source
    return { oids, broken: ending ?? (bad || rest !== '' ? cutList(name) : undefined) }
  }
}

function cutList(name: string): Break {
  return { kind: 'cut', offset: 0, reason: `"${name}" is cut or damaged` }
}
