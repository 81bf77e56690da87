import type { Nack, Problem, Push } from './message.ts'

/** What a person reads; the whole stays well below the longest line that the control plane takes. */
const maxListed = 99
const maxPathLength = 256
const maxMessageLength = 1024
const maxBytes = 128 * 1024

/** The answer to a push that was refused. Names all problems, or as many as there is room for and how many more. */
export function nackOf(push: Push, problems: readonly Problem[]): Nack {
  const { nonce, version } = push
  return { type: 'nack', nonce, version, problems: fitting(problems) }
}

function fitting(problems: readonly Problem[]): Problem[] {
  const listed: Problem[] = []
  let bytes = 0
  for (const { path, message } of problems.slice(0, maxListed)) {
    const problem = { path: clip(path, maxPathLength), message: clip(message, maxMessageLength) }
    bytes += Buffer.byteLength(JSON.stringify(problem))
    if (bytes > maxBytes) break
    listed.push(problem)
  }
  const left = problems.length - listed.length
  return left === 0 ? listed : [...listed, { path: '', message: `and ${left} more` }]
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}
