import type { QualifiedName } from './types.ts'

/** Objects by schema and name: of two with one name the later. No key is made of the two, of which there may be many. */
export class ObjectsByName<T extends QualifiedName> {
  readonly #schemas = new Map<string, Map<string, T>>()

  get(schema: string, name: string): T | undefined {
    return this.#schemas.get(schema)?.get(name)
  }

  set(object: T): void {
    let names = this.#schemas.get(object.schema)
    if (names === undefined) {
      names = new Map()
      this.#schemas.set(object.schema, names)
    }
    names.set(object.name, object)
  }
}
