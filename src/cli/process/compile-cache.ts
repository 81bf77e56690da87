import { join } from 'node:path'

/** Where Node keeps compiled code: with our other state, since what lies there is run. */
export function compileCacheOf(stateDirectory: string): string {
  return join(stateDirectory, 'compile-cache')
}
