export { open } from './archive.ts'
export type { Archive, OpenOptions } from './archive.ts'
export { adaptTo } from './audit/adapt-to.ts'
export type { AdaptOptions } from './audit/adapt-to.ts'
export { audit } from './audit/audit.ts'
export { auditData } from './audit/audit-data.ts'
export type { AuditDataOptions } from './audit/audit-data.ts'
export { parseAuditBaseline, parseAuditConfig } from './audit/config.ts'
export type { AuditConfig } from './audit/config.ts'
export { targetProfile, targetProfiles } from './audit/find-profile.ts'
export { auditHtml } from './audit/html.ts'
export type { AuditHtmlOptions } from './audit/html.ts'
export { auditMarkdown } from './audit/markdown.ts'
export { auditCategories, auditSeverities } from './audit/options.ts'
export type { AuditOptions, RuleSetting, Suppression } from './audit/options.ts'
export { postRestoreSql } from './audit/post-restore.ts'
export type { PostRestoreOptions } from './audit/post-restore.ts'
export { auditRules } from './audit/registry.ts'
export { rolesSql } from './audit/roles-sql.ts'
export type { RolesSqlOptions } from './audit/roles-sql.ts'
export { auditRulesMarkdown } from './audit/rules-document.ts'
export { auditSarif } from './audit/sarif.ts'
export type { NamedReport } from './audit/sarif.ts'
export { formatNumber, harmless } from './audit/text.ts'
export type {
  AppliedRule,
  AuditInventory,
  AuditReport,
  AuditedArchive,
  InventoryPrivilege,
  InventoryRole,
  SuppressedFinding,
} from './audit/report.ts'
export type {
  AuditCatalog,
  AuditCategory,
  AuditContext,
  AuditData,
  AuditFinding,
  AuditRule,
  AuditSeverity,
  CatalogColumn,
  CatalogConstraint,
  CatalogExtension,
  CatalogFunction,
  CatalogGrant,
  CatalogIndex,
  CatalogPolicy,
  CatalogRole,
  CatalogSchema,
  CatalogSequence,
  CatalogTable,
  CatalogView,
  ConstraintViolation,
  DefinitionStatement,
  QualifiedName,
  RuleFinding,
} from './audit/types.ts'
export type { TargetFact, PrivilegedAct, TargetProfile, TargetSubject } from './audit/target.ts'
export { closest } from './closest.ts'
export type { Algorithm } from './codec/codec.ts'
export type { CopyField, CopyRow } from './copy/encode-row.ts'
export { create } from './create.ts'
export type { ArchiveWriter, CreateOptions, NewEntry } from './create.ts'
export { ArchiveError, isArchiveError } from './errors.ts'
export type { ArchiveErrorCode, ArchiveErrorInfo, Finding, OnWarning } from './errors.ts'
export type { StoredSizes } from './format/stored-sizes.ts'
export type { CompressionSettings } from './format/open-writer.ts'
export type { ChunkFraming, DataStream, StoredForm } from './format/stored-data.ts'
export type { VerbatimArchive, VerbatimFile } from './format/verbatim.ts'
export type { ByteStream } from './io/byte-stream.ts'
export type { ChunkSource } from './io/chunks.ts'
export type { ArchiveInput } from './io/input.ts'
export { journalFile } from './io/journal-file.ts'
export type { JournalStore } from './io/journal-file.ts'
export { openSink } from './io/sink.ts'
export type { ArchiveOutput, Sink, SinkOptions } from './io/sink.ts'
export type { RandomAccess } from './io/source.ts'
export { standardInput } from './io/standard-input.ts'
export { readTextInput } from './io/text-input.ts'
export type { TextInputOptions } from './io/text-input.ts'
export { reindex } from './inspect/reindex.ts'
export type { ReindexOptions, ReindexResult } from './inspect/reindex.ts'
export { compareReceipts } from './inspect/compare-receipts.ts'
export { parseReceipt } from './inspect/receipt.ts'
export type { Receipt, ReceiptEntry, ReceiptObject } from './inspect/receipt.ts'
export { verify } from './inspect/verify.ts'
export type { VerifiedEntry, VerifyOptions, VerifyProgress, VerifyReport } from './inspect/verify.ts'
export { salvage } from './inspect/salvage.ts'
export type { SalvageOptions } from './inspect/salvage.ts'
export type { LostLargeObject, SalvagedEntry, SalvageReport } from './inspect/salvage-report.ts'
export type { DataState } from './inspect/salvage-assess.ts'
export { drill } from './drill/drill.ts'
export type { DrillOptions } from './drill/drill.ts'
export type { DrillDatabase, DrillPlace, DrillTarget, WantedDatabase } from './drill/place.ts'
export type { DrillCheckResult, DrillProblem, DrillReport, DrillStatus, DrillTable } from './drill/report.ts'
export { serverPlace } from './drill/server-place.ts'
export type { DrillConnection, ServerPlaceOptions } from './drill/server-place.ts'
export type { DrillCheck } from './drill/user-checks.ts'
export { checkTarget } from './restore/check.ts'
export type { CheckedServer, CheckFinding, CheckKind, CheckReport } from './restore/check-report.ts'
export { countRows } from './restore/count-rows.ts'
export type { CountedRows } from './restore/count-rows.ts'
export { createRoles } from './restore/create-roles.ts'
export type { CreatedRoles } from './restore/create-roles.ts'
export { finish } from './restore/finish.ts'
export type { FinishOptions, FinishProgress } from './restore/finish.ts'
export type { FinishRefusal, FinishReport, RowDifference, SequenceMended } from './restore/finish-report.ts'
export { failureCause, FailureGroups } from './restore/failures.ts'
export type { FailureGroup, RestoreFailure, RestoreStage } from './restore/failures.ts'
export type { FailureDecision, RestoreOptions, RestoreProgress, RestoreResult } from './restore/options.ts'
export { restore } from './restore/restore.ts'
export { isServerError, ServerError } from './restore/target.ts'
export type { CopyInput, EndableTarget, RestoreTarget, ServerErrorFields, ServerRow } from './restore/target.ts'
export { loadTimeZone } from './io/time-zone.ts'
export type { LoadTimeZoneOptions } from './io/time-zone.ts'
export { defaultLimits, limitOption, limitPresets, noLimits, strictLimits } from './limits.ts'
export type { LimitPreset, Limits } from './limits.ts'
export { digest } from './ops/digest.ts'
export type { DigestOptions } from './ops/digest.ts'
export type { ArchiveDigest, EntryDigest } from './ops/digest-whole.ts'
export { convert } from './ops/convert.ts'
export type { ConvertOptions, ConvertResult, DroppedEntry } from './ops/convert.ts'
export type { Compression, ConversionWishes } from './ops/conversion-target.ts'
export { downgrade, isDowngraded } from './ops/downgrade.ts'
export type { Downgraded, DowngradeLoss, DowngradeOptions } from './ops/downgrade.ts'
export { parseFilter } from './ops/filter-file.ts'
export type { FilterFileOptions, FilterFileSelection } from './ops/filter-file.ts'
export { filter, isFiltered } from './ops/filter.ts'
export { groupLargeObjects } from './ops/group-objects.ts'
export { parseList } from './ops/list-file.ts'
export { listJson, listRecords } from './ops/list-json.ts'
export type { ArchiveDescription, EntryDescription, HeaderDescription, UndecodedBytes } from './ops/list-json.ts'
export { list, listBytes } from './ops/list.ts'
export { findUnsafeSql } from './ops/find-unsafe-sql.ts'
export type { FindUnsafeSqlOptions } from './ops/find-unsafe-sql.ts'
export type { CompatOptions, ListOptions, SqlOptions } from './ops/options.ts'
export type {
  EntryParts,
  FilteredView,
  ListSelection,
  Name,
  Selection,
  SelectionReason,
  UnmatchedName,
} from './ops/selection.ts'
export { parseNameMap, parseNamePairs } from './ops/name-map-file.ts'
export type { NameKind, NameMap } from './ops/rename-names.ts'
export { rewriteOwner } from './ops/rewrite-owner.ts'
export type { AllOwners } from './ops/rewrite-owner.ts'
export { rewriteSchema } from './ops/rewrite-schema.ts'
export { rewriteDatabaseName, rewriteTableAccessMethod, rewriteTablespace } from './ops/rewrite-storage.ts'
export { isRewritten } from './ops/rewrite.ts'
export type { RewriteOptions, Rewritten } from './ops/rewrite.ts'
export { separateLargeObjects } from './ops/separate-objects.ts'
export { toSql } from './ops/to-sql.ts'
export { checkStrictNames } from './ops/unmatched.ts'
export type { UndecidedReference } from './ops/undecided.ts'
export type { Token, TokenKind } from './sql/lexer.ts'
export type { UndecidedReason } from './sql/rename.ts'
export type { ByteChunks, RowsOrBytes } from './author/new-data.ts'
export type { NewLargeObject } from './author/new-large-objects.ts'
export { packageVersion } from './package-version.ts'
export { compatRules, formatRelease, parseRelease } from './sql/compat.ts'
export type { CompatRules, Major, Release } from './sql/compat.ts'
export type { TocEntryFields } from './toc/entry-fields.ts'
export type {
  ArchiveFormat,
  ArchiveHeader,
  ArchiveSettings,
  ArchiveVersion,
  CreateDate,
  DataLocation,
  DumpId,
  HeaderCompression,
  RawTocEntry,
  Section,
  TextField,
  TimeZone,
  TocEntry,
} from './toc/types.ts'
export { derive } from './view.ts'
export type { ArchiveStorage, ArchiveView, DataBlock, DataOptions, LargeObject } from './view.ts'
