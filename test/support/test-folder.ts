import type { Test } from 'tap'

/**
 * A folder of the test, removed at its end, when all that is torn down has ended: tap removes it before teardowns that
 * are asked for later, under the hands of whoever still writes there.
 */
export function testFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {})
  return t.testdir(content)
}
