import type { Readable } from 'node:stream'

/** A line longer than this is handed over in pieces. */
const maxLineLength = 16_384

/** Calls `onLine` for each line of a child's output, without its end. */
export function forEachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(onLine)
    if (rest.length > maxLineLength) {
      onLine(rest)
      rest = ''
    }
  })
  stream.on('end', () => {
    if (rest !== '') onLine(rest)
  })
}
