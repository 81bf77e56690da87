import { rm } from 'node:fs/promises'
import type { Test } from 'tap'

/**
 * A folder of the test, removed when all that is torn down has ended. Tap itself would remove it before teardowns that
 * are asked for later, and fail where a process that is being killed still writes.
 */
export function testFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.saveFixture = true
  const folder = t.testdir(content)
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 }))
  return folder
}
