import { formatPath } from '../problem.ts'
import type { SourceDocument } from './document.ts'

/** An object that stands in no file, such as one of a cluster: its problems have a name and no line (0). */
export function objectDocument(name: string, value: unknown): SourceDocument {
  return {
    file: name,
    value,
    locate: () => ({ line: 0, column: 0 }),
    problem: (path, message) => ({
      file: name,
      line: 0,
      column: 0,
      path: formatPath(path),
      message,
    }),
  }
}
