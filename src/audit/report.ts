import type { ArchiveFormat, DumpId } from '../toc/types.ts'
import type { Suppression } from './options.ts'
import type { AuditFinding, AuditRule, AuditSeverity } from './types.ts'

/** A finding that is left out of a report, and why. */
export interface SuppressedFinding {
  readonly finding: AuditFinding
  /** By a suppression of the options, by a mark in the archive itself, or because the baseline has it. */
  readonly by: 'options' | 'archive' | 'baseline'
  readonly reason: string | undefined
}

/** A rule as it was applied. */
export type AppliedRule = Pick<AuditRule, 'id' | 'severity' | 'category' | 'message' | 'explanation' | 'fix' | 'links'>

/** What an audit found. */
export interface AuditReport {
  /** The worst first; within a severity by category and rule, then in the order of the archive. */
  readonly findings: readonly AuditFinding[]
  readonly counts: Readonly<Record<AuditSeverity, number>>
  readonly suppressed: readonly SuppressedFinding[]
  /** Suppressions of the options that fit none of the findings, of rules that were applied. */
  readonly unusedSuppressions: readonly Suppression[]
  /** The rules that were applied, with the severities that they had, in the order of reports. */
  readonly rules: readonly AppliedRule[]
  /** Name of the target profile. */
  readonly target: string | undefined
  readonly inventory: AuditInventory
  /** Where the archive comes from. */
  readonly archive: AuditedArchive
}

/** What the header of an audited archive says. */
export interface AuditedArchive {
  readonly dbname: string | null
  readonly format: ArchiveFormat
  readonly serverVersion: string | null
  readonly pgDumpVersion: string | null
  readonly encoding: string
  readonly entries: number
}

/** What an archive has, counted, and who may do what with it. Names are decoded. */
export interface AuditInventory {
  /** Types of objects, the most frequent first. */
  readonly types: readonly { readonly type: string; readonly objects: number }[]
  /** By schema; null is for objects that are in none. */
  readonly schemas: readonly {
    readonly schema: string | null
    readonly objects: number
    readonly types: readonly { readonly type: string; readonly objects: number }[]
  }[]
  readonly owners: readonly { readonly owner: string; readonly objects: number }[]
  /** What is granted, a row for each role and object; what owners and everybody have without a grant is not there. */
  readonly privileges: readonly InventoryPrivilege[]
  /** Tables with data, the largest first as far as that is known. */
  readonly tables: readonly {
    readonly dumpId: DumpId
    readonly schema: string | null
    readonly name: string
    /** Bytes in the archive, compressed as they are; null where that is not known. */
    readonly storedBytes: number | null
    /** Null where the data has not been read. */
    readonly rows: number | null
  }[]
  readonly extensions: readonly { readonly name: string; readonly schema: string | null }[]
  /** Languages of functions; `created` says whether the archive makes them. */
  readonly languages: readonly { readonly language: string; readonly functions: number; readonly created: boolean }[]
  readonly roles: readonly InventoryRole[]
}

/** What one role may do with one object. */
export interface InventoryPrivilege {
  /** `PUBLIC` in capitals is everybody, and a role of that name is `"PUBLIC"` with quotes. */
  readonly role: string
  /** `TABLE`, `SCHEMA`, … */
  readonly type: string
  /** As GRANT names it. */
  readonly object: string
  readonly schema: string | null
  readonly privileges: readonly string[]
  readonly grantOption: boolean
}

/** What one role has and may do, counted. */
export interface InventoryRole {
  /** Spelled as in {@link InventoryPrivilege}. */
  readonly name: string
  /** Objects that it owns. */
  readonly owns: number
  /** Row security policies that name it. */
  readonly policies: number
  readonly may: readonly { readonly privilege: string; readonly type: string; readonly objects: number }[]
}
