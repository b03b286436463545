import { describe, expect, it } from 'vitest'
import * as browser from '../../../src/io/platform.browser.ts'
import * as node from '../../../src/io/platform.node.ts'

describe('platform.browser', () => {
  it('has every name of platform.node', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
  })

  it('says what is missing, with UNSUPPORTED, however it is used', () => {
    const unsupported = expect.objectContaining({ code: 'UNSUPPORTED' })
    expect(() => browser.fs.promises).toThrow(unsupported)
    expect(() => browser.fs.promises).toThrow('Cannot use node:fs (promises): browsers have no file system')
    expect(() => browser.join('a', 'b')).toThrow(unsupported)
    expect(() => new browser.Readable()).toThrow(unsupported)
  })
})
