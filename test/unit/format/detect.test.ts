import { describe, expect, test } from 'vitest'
import { detect } from '../../../src/format/detect.ts'
import { tar } from './build-archive.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

describe('detect()', () => {
  test.each([
    ['--\n-- PostgreSQL database dump\n--\n\n'],
    ['--\n-- PostgreSQL database cluster dump\n--\n\n'],
    ['\\restrict abc\n'],
    ['\xef\xbb\xbf-- with a byte order mark\n'],
    ['\xff\xfeS\0E\0T\0 \0x\0'],
    ['\n\n  SET statement_timeout = 0;\n'],
    ['/* comment */ select 1;'],
    ['create table t (x int);'],
    ['\\connect db'],
  ])('takes %j for SQL', (text) => expect(detect(bytes(text)).kind).toBe('sql'))

  test.each([
    ['PK\x03\x04zip', 'a ZIP file'],
    ['\xfd7zXZ\0', 'an xz file'],
    ['BZh91AY', 'a bzip2 file'],
    ["7z\xbc\xaf'\x1c", 'a 7-Zip file'],
    ['-- MySQL dump 10.13', 'an SQL script for MySQL'],
    ['<!DOCTYPE html>', 'an HTML page'],
  ])('names %j', (text, what) => expect(detect(bytes(text))).toMatchObject({ kind: 'foreign', what }))

  test.each([
    ['PGDMP\x01\x0e\0', 'pgdmp'],
    ['', 'empty'],
    ['PGDM', 'unknown'],
    ['settle down', 'unknown'],
    ['SET\0', 'unknown'],
    ['\0\0\0\0', 'unknown'],
    ['\x1f\x8b\x08', 'compressed'],
    ['\x28\xb5\x2f\xfd', 'compressed'],
    ['\x04\x22\x4d\x18', 'compressed'],
  ])('takes %j for %s', (text, kind) => expect(detect(bytes(text)).kind).toBe(kind))

  test('takes a tar header only with a right checksum', () => {
    const archive = tar({ name: 'toc.dat' })
    expect(detect(archive.subarray(0, 512)).kind).toBe('tar')
    archive[0] = 0x78
    expect(detect(archive.subarray(0, 512)).kind).toBe('unknown')
    expect(detect(archive.subarray(0, 511)).kind).toBe('unknown')
  })

  test('takes a header without a magic for an old tar', () => {
    const old = tar({ name: 'toc.dat', magic: '\0'.repeat(8) })
    expect(detect(old.subarray(0, 512))).toEqual({ kind: 'tar', old: true })
    expect(detect(tar({ name: 'toc.dat' }).subarray(0, 512))).toEqual({ kind: 'tar', old: false })
    old[0] = 0x78
    expect(detect(old.subarray(0, 512)).kind).toBe('unknown')
  })
})
