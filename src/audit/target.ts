/** What is known of a place to restore to; src/audit/profiles has one file for each. */
export interface TargetProfile {
  /** `rds`, `postgres:17`, … */
  readonly name: string
  readonly title: string
  /** PostgreSQL releases it offers, newest last. */
  readonly releases: readonly number[]
  /** Whether the restoring role is a superuser there. */
  readonly superuser: boolean
  readonly facts: readonly TargetFact[]
}

/** What only a superuser may do, or whoever has rights of another role, as far as an archive does it. */
export type PrivilegedAct =
  | 'access-method'
  | 'base-type'
  | 'cast-of-built-in-types'
  | 'cast-without-function'
  | 'default-privileges-of-role'
  | 'event-trigger'
  | 'extension-comment'
  | 'foreign-data-wrapper'
  | 'internal-aggregate'
  | 'leakproof'
  | 'operator-class'
  | 'publication-of-everything'
  | 'refresh-under-row-security'
  | 'session-authorization'
  | 'subscription'
  | 'superuser-setting'
  | 'support-function'
  | 'text-search-parser'
  | 'transform-of-built-in-objects'
  | 'untrusted-extension'
  | 'untrusted-language'
  | 'user-mapping-option'

/** What a fact is about: the rule that uses it branches on this. */
export type TargetSubject =
  | { readonly kind: 'acts'; readonly acts: readonly PrivilegedAct[] }
  /** `offered` lists what can be created; `refused` what cannot, where no list of all is known. */
  | { readonly kind: 'extensions'; readonly offered?: readonly string[]; readonly refused?: readonly string[] }
  | { readonly kind: 'entries'; readonly types: readonly string[] }
  | { readonly kind: 'tablespaces' }
  | { readonly kind: 'unlogged' }
  /** Roles that can be neither made nor used there. */
  | { readonly kind: 'roles'; readonly refused: readonly string[] }

/** One thing a target does not take, or takes otherwise. */
export interface TargetFact {
  readonly id: string
  readonly about: TargetSubject
  readonly effect: 'fails' | 'differs'
  /** One clause: what happens there. */
  readonly why: string
  readonly fix: string
  /** `convert --for` makes the change, and nothing is lost by it. */
  readonly lossless: boolean
  /** Page that says so. */
  readonly source: string
  /** Day the source was read, `2026-11-27`. */
  readonly date: string
  /** True only where it was run against the real thing. */
  readonly proven: boolean
}
